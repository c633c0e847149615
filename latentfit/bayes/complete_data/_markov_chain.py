r"""A Markov chain with finitely many states, with time along its last axis.

Q depends on θ' through the probabilities γ of each state at each time and ξ of each pair of
neighbouring states. It is the sum of γ_1 log p(z_1), ξ_t log p(z_{t+1} | z_t) and γ_t log p(x_t |
z_t) (Baum, Petrie, Soules & Weiss 1970, Annals of Mathematical Statistics 41(1)). One forward and
one backward pass through the chain compute γ and ξ from the three terms of the declaration, in
logarithms.
"""

import numpy as np
import pytensor.tensor as pt

from latentfit.bayes.complete_data._complete_data import CompleteData, pairs_key
from latentfit.bayes.complete_data._graphs import expected_sum, log_density_without_latents
from latentfit.bayes.views import (
    Density,
    MarkovChainTerms,
    at_unconstrained_point,
    category_values,
    markov_chain_graphs,
    smoothed_probabilities,
)
from latentfit.declaration import Declaration
from latentfit.declaration.compilation import compile_function, stabilise


def build(declaration: Declaration, density: Density) -> CompleteData | None:
    """Build the view; None if the latent is not a Markov chain of order one."""
    graphs_of_model = markov_chain_graphs(declaration, density.view)
    if graphs_of_model is None:
        return None
    (name,), point = declaration.latents, density.point
    graphs = at_unconstrained_point(density, density.view, graphs_of_model)
    *terms, others = stabilise([*graphs, log_density_without_latents(declaration, density)])
    gamma = terms[2].type(name)
    xi = pt.tensor(pairs_key(name), dtype=gamma.dtype, shape=(None,) * (gamma.ndim + 1))
    q = (
        expected_sum(gamma[..., 0, :], terms[0])
        + expected_sum(xi, terms[1][..., None, :, :])
        + expected_sum(gamma, terms[2])
        + others
    )
    evaluate = compile_function([point], terms, rewritten=True)

    def chain(at: np.ndarray) -> MarkovChainTerms:
        return MarkovChainTerms(*evaluate(at))

    def statistics(at: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        gamma, xi = smoothed_probabilities(chain(at))
        return {name: gamma, pairs_key(name): xi}

    return CompleteData(
        declaration,
        density,
        exact=True,
        categories=category_values(declaration),
        chain=chain,
        _statistics=statistics,
        _names=(name, pairs_key(name)),
        _inputs=(gamma, xi),
        _q=q,
    )

r"""A Markov chain of finitely many states, time along its last axis.

Of θ', Q needs the probabilities γ of each state at each time and ξ of each pair of neighbours:
it is the sum of γ_1 · log p(z_1), ξ_t · log p(z_{t+1} | z_t) and γ_t · log p(x_t | z_t)
(Baum, Petrie, Soules & Weiss 1970, Annals of Mathematical Statistics 41(1)). Both follow from
one pass forwards and one backwards through the chain, in logarithms, from the declaration's own
three terms.
"""

import numpy as np
import pytensor.tensor as pt

from latentfit.bayes._chain import Chain, chain_terms, smoothed
from latentfit.bayes._density import Density
from latentfit.bayes.complete_data._terms import expected, in_terms_of, rest
from latentfit.bayes.complete_data._view import CompleteData, pairs_of
from latentfit.declaration import Declaration, function, stable


def build(declaration: Declaration, density: Density) -> CompleteData | None:
    """The view, or None where the latent is no such chain, or one with a longer memory."""
    terms_of_model = chain_terms(declaration, density.view)
    if terms_of_model is None:
        return None
    (name,), point = declaration.latents, density.point
    graphs = in_terms_of(point, density, density.view, terms_of_model)
    *terms, others = stable([*graphs, rest(declaration, density)])
    gamma = terms[2].type(name)
    xi = pt.tensor(pairs_of(name), dtype=gamma.dtype, shape=(None,) * (gamma.ndim + 1))
    q = (
        expected(gamma[..., 0, :], terms[0])
        + expected(xi, terms[1][..., None, :, :])
        + expected(gamma, terms[2])
        + others
    )
    evaluate = function([point], terms, rewritten=True)

    def chain_at(where: np.ndarray) -> Chain:
        return Chain(*evaluate(where))

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        gamma, xi = smoothed(chain_at(where))
        return {name: gamma, pairs_of(name): xi}

    return CompleteData(
        declaration,
        density,
        exact=True,
        discrete=True,
        chain=chain_at,
        _statistics=statistics,
        _names=(name, pairs_of(name)),
        _inputs=(gamma, xi),
        _q=q,
    )

"""Latents with finitely many categories that are independent of one another given x and θ.

Q is the sum over observations and categories of r log p(x, z = k | θ), with r the conditional
probabilities of the categories at θ'.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import scipy.special
from pymc.pytensorf import resolve_shapes
from pymc_extras.model.marginal.distributions.enumerable import get_domain_of_finite_discrete_rv
from pytensor.graph.replace import vectorize_graph
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.basic import CategoricalRV

from latentfit.bayes.complete_data._complete_data import CompleteData
from latentfit.bayes.complete_data._graphs import expected_sum, log_density_without_latents
from latentfit.bayes.views import (
    Density,
    at_unconstrained_point,
    category_values,
    childless_latents,
    conditional_view,
)
from latentfit.declaration import Declaration
from latentfit.declaration.compilation import compile_function, stabilise


def build(declaration: Declaration, density: Density) -> CompleteData | None:
    """Build the view; None if a latent is of another kind or depends on another latent."""
    latents = declaration.latents
    if childless_latents(declaration):
        return None
    model = conditional_view(density.view)
    variables = [model[name] for name in latents]
    if any(not isinstance(variable.owner.op, CategoricalRV) for variable in variables):
        return None
    if any(not set(variables).isdisjoint(set(ancestors([v])) - {v}) for v in variables):
        return None
    # The conditional probabilities are a softmax over categories of log p(x, z = k | θ).
    softmaxes = [variable.owner.inputs[-1] for variable in variables]
    point, count = density.point, len(latents)
    joints = at_unconstrained_point(density, model, [one.owner.inputs[0] for one in softmaxes])
    priors = at_unconstrained_point(
        density,
        declaration.model,
        [_log_category_probabilities(declaration.model[name]) for name in latents],
    )
    others = log_density_without_latents(declaration, density)
    *terms, others = stabilise([*joints, *priors, others])
    probabilities = tuple(one.type(name) for name, one in zip(latents, softmaxes, strict=True))
    q = others + sum(
        expected_sum(r, term) for r, term in zip(probabilities, terms[:count], strict=True)
    )
    evaluate = compile_function([point], terms, rewritten=True)

    def joint(at: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        values = evaluate(at)
        pairs = zip(values[:count], values[count:], strict=True)
        return dict(zip(latents, pairs, strict=True))

    def statistics(at: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: scipy.special.softmax(one, axis=-1) for name, (one, _) in joint(at).items()}

    return CompleteData(
        declaration,
        density,
        exact=True,
        categories=category_values(declaration),
        joint=joint,
        _statistics=statistics,
        _names=latents,
        _inputs=probabilities,
        _q=q,
    )


def _log_category_probabilities(latent: Any) -> Any:
    """Build log p(z = k | θ) as a graph, with categories along the last axis."""
    domain = get_domain_of_finite_discrete_rv(latent).astype(latent.dtype)
    shape = resolve_shapes(tuple(latent.shape))
    every = pt.broadcast_to(pt.shape_padright(domain, latent.type.ndim), (domain.shape[0], *shape))
    value = latent.type("category")
    log_probabilities = vectorize_graph(pm.logp(latent, value), {value: every})
    return pt.moveaxis(log_probabilities, 0, -1)

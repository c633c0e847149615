"""Latents with finitely many categories, independent of one another given x and θ.

Q is the sum of r · log p(x, z = k | θ) over observations and categories, r the conditional
probabilities of the categories at θ'.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import scipy.special
from pymc.pytensorf import resolve_shapes
from pymc_extras.marginal import conditional
from pymc_extras.model.marginal.distributions.enumerable import get_domain_of_finite_discrete_rv
from pytensor.graph.replace import vectorize_graph
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.basic import CategoricalRV

from latentfit.bayes._density import Density
from latentfit.bayes._observed import childless_latents
from latentfit.bayes.complete_data._terms import expected, in_terms_of, rest
from latentfit.bayes.complete_data._view import CompleteData
from latentfit.declaration import Declaration, double_precision, function, stable


def build(declaration: Declaration, density: Density) -> CompleteData | None:
    """The view, or None where a latent is of another kind or depends on another latent."""
    latents = declaration.latents
    if childless_latents(declaration):
        return None
    with double_precision():
        model = conditional(density.view)
    variables = [model[name] for name in latents]
    if any(not isinstance(variable.owner.op, CategoricalRV) for variable in variables):
        return None
    if any(not set(variables).isdisjoint(set(ancestors([v])) - {v}) for v in variables):
        return None
    # The conditional is a softmax over categories of log p(x, z = k | θ).
    softmaxes = [variable.owner.inputs[-1] for variable in variables]
    point, count = density.point, len(latents)
    joints = in_terms_of(point, density, model, [one.owner.inputs[0] for one in softmaxes])
    priors = in_terms_of(
        point,
        density,
        declaration.model,
        [_log_category_probabilities(declaration.model[name]) for name in latents],
    )
    *terms, others = stable([*joints, *priors, rest(declaration, density)])
    given = tuple(one.type(name) for name, one in zip(latents, softmaxes, strict=True))
    q = others + sum(expected(r, term) for r, term in zip(given, terms[:count], strict=True))
    evaluate = function([point], terms, rewritten=True)

    def joint(where: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        found = evaluate(where)
        pairs = zip(found[:count], found[count:], strict=True)
        return dict(zip(latents, pairs, strict=True))

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {
            name: scipy.special.softmax(one, axis=-1) for name, (one, _) in joint(where).items()
        }

    return CompleteData(
        declaration,
        density,
        exact=True,
        discrete=True,
        joint=joint,
        _statistics=statistics,
        _names=latents,
        _inputs=given,
        _q=q,
    )


def _log_category_probabilities(latent: Any) -> Any:
    """Log p(z = k | θ), categories along the last axis, of a variable with finitely many."""
    domain = get_domain_of_finite_discrete_rv(latent).astype(latent.dtype)
    shape = resolve_shapes(tuple(latent.shape))
    every = pt.broadcast_to(pt.shape_padright(domain, latent.type.ndim), (domain.shape[0], *shape))
    value = latent.type("category")
    log_probabilities = vectorize_graph(pm.logp(latent, value), {value: every})
    return pt.moveaxis(log_probabilities, 0, -1)

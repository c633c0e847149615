"""Continuous latents in which log p(x, z | θ) is affine, with known conditional means.

Q is then log p(x, z | θ) with the means put in for z.
"""

from collections.abc import Callable

import numpy as np
import pymc as pm
from pymc.distributions.moments import mean
from pymc_extras.marginal import conditional

from latentfit.bayes._density import Density
from latentfit.bayes._observed import childless_latents
from latentfit.bayes.complete._terms import in_terms_of, joint
from latentfit.bayes.complete._view import CompleteData
from latentfit.declaration import Declaration, double_precision, function, stable


def build(declaration: Declaration, density: Density) -> CompleteData | None:
    """The view, or None where a latent is discrete or enters in another way."""
    latents, point = declaration.latents, density.point
    if any(not declaration.model[name].dtype.startswith("float") for name in latents):
        return None
    try:
        with double_precision():
            means = [
                in_terms_of(point, density, model, [mean(model[name])])[0]
                for name, model in _conditional_models(declaration, density).items()
            ]
    except NotImplementedError:
        return None
    expect = function([point], means)
    inputs, graph = joint(declaration, density)
    (graph,) = stable([graph])
    if not _is_affine(function([point, *inputs], graph, rewritten=True), expect, density):
        return None

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return dict(zip(latents, expect(where), strict=True))

    return CompleteData(
        declaration,
        density,
        exact=True,
        discrete=False,
        _statistics=statistics,
        _names=latents,
        _inputs=inputs,
        _q=graph,
    )


def _conditional_models(declaration: Declaration, density: Density) -> dict[str, pm.Model]:
    """For each latent, a model in which it has the distribution p(z | x, θ)."""
    childless = childless_latents(declaration)
    others = [name for name in declaration.latents if name not in childless]
    rest = conditional(density.view) if others else declaration.model
    return {name: declaration.model if name in childless else rest for name in declaration.latents}


def _is_affine(
    graph: Callable[..., np.ndarray], expect: Callable[..., list[np.ndarray]], density: Density
) -> bool:
    """Whether second differences along random directions of the latents vanish."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        point = density.space.origin + rng.uniform(-1, 1, density.space.size)
        centre = expect(point)
        steps = [0.5 * np.abs(value) * rng.uniform(0.2, 1, value.shape) for value in centre]
        below, middle, above = (
            float(graph(point, *(c + sign * s for c, s in zip(centre, steps, strict=True))))
            for sign in (-1, 0, 1)
        )
        size = abs(below) + abs(middle) + abs(above)
        if not abs(below - 2 * middle + above) <= 1e-10 * size:
            return False
    return True

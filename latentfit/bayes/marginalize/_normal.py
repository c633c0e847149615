r"""Normal conditionals: latents in which log p(x, z | θ) is quadratic.

So it is whenever z is normal and what depends on it is normal about a mean that is linear in z,
however the two are connected: groups, crossed groups, loadings, regressions, random walks. With
gradient g and Hessian -P at any one z,

    z | x, θ ~ N(z + P⁻¹ g, P⁻¹).

P has the dimension of a block of z, not of the data: nothing larger is ever built (the identity of
Woodbury, read from right to left; Rue & Held 2005, Gaussian Markov Random Fields, section 2.3).
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit.bayes.marginalize._blocks import Blocks
from latentfit.bayes.marginalize._conjugate import Family, Parameters
from latentfit.bayes.marginalize._matrices import solve

_STRAIGHT = 1e-8


def _fits(height: Callable[[np.ndarray], np.ndarray], draws: tuple[np.ndarray, ...]) -> bool:
    """Third differences along lines vanish, and it falls off somewhere along each."""
    for start, end in pairwise(draws):
        along = [height(start + t * (end - start)) for t in (0.0, 1.0, 2.0, 3.0)]
        third = along[3] - 3 * along[2] + 3 * along[1] - along[0]
        second = along[2] - 2 * along[1] + along[0]
        size = np.max(np.abs(along), axis=0)
        if not np.all(np.abs(third) <= _STRAIGHT * size) or not np.all(second < 0):
            return False
    return True


def _anchor(latent: Any, blocks: Blocks) -> Any:
    return pt.zeros((blocks.count, blocks.size))


def _parameters(z: Any, gradient: Any, curvature: Any) -> Parameters:
    """Mean, covariance, and the log determinant of the precision."""
    size = curvature.type.shape[-1]
    if size == 1:
        precision = -curvature[:, 0, 0]
        mean = z + gradient / precision[:, None]
        return mean, (1 / precision)[:, None, None], pt.log(precision)
    step, log_determinant, covariance = solve(-curvature, gradient, size)
    return z + step, covariance, log_determinant


def _middle(parameters: Parameters) -> Any:
    return parameters[0]


def _log_density(parameters: Parameters, z: Any, blocks: Blocks) -> Any:
    """At the mean, where the quadratic form is zero; entries that fill up have a precision of 1."""
    dimension = np.sum(blocks.entries >= 0, axis=1)
    return 0.5 * parameters[2] - dimension * (0.5 * np.log(2 * np.pi))


def _distribution(parameters: Parameters, blocks: Blocks) -> Any:
    mean, covariance, _ = parameters
    if blocks.size == 1:
        scale = pt.sqrt(covariance[:, 0])
        return pm.Normal.dist(blocks.scatter(mean), blocks.scatter(scale))
    if blocks.count == 1 and len(blocks.shape) == 1:
        return pm.MvNormal.dist(mean[0], cov=covariance[0])
    drawn = pm.MvNormal.dist(mean, cov=covariance)
    rows = blocks.full and blocks.entries.shape == blocks.shape
    if rows and np.array_equal(blocks.entries.ravel(), np.arange(blocks.entries.size)):
        return drawn
    return blocks.scatter(drawn)


NORMAL = Family(
    words="normal",
    transform=None,
    fits=_fits,
    anchor=_anchor,
    parameters=_parameters,
    middle=_middle,
    log_density=_log_density,
    distribution=_distribution,
    scalar=False,
)

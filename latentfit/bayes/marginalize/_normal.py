r"""Normal conditionals: latents in which log p(x, z | θ) is quadratic.

This is the case whenever z is normal and the variables that depend on it are normal with a mean
that is linear in z: groups, crossed groups, loadings, regressions, random walks. With gradient g
and Hessian -P at any z,

    z | x, θ ~ N(z + P⁻¹ g, P⁻¹).

P has the dimension of a block of z and not of the data, so that no larger matrix is built (the
Woodbury identity, used in reverse; Rue & Held 2005, Gaussian Markov Random Fields, section 2.3).
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit.bayes.marginalize._conjugate import (
    ConjugateFamily,
    Parameters,
    conjugate_strategy,
)
from latentfit.bayes.marginalize.algebra import solve_positive_definite
from latentfit.bayes.marginalize.structure import IndependentBlocks, LogDensities

# Third difference, relative to the log density, that is attributed to rounding.
_THIRD_DIFFERENCE_RELATIVE = 1e-8


def _matches(log_densities: LogDensities, draws: tuple[np.ndarray, ...]) -> bool:
    """Test whether third differences vanish along lines, and second differences are negative."""
    for start, end in pairwise(draws):
        along = [log_densities(start + t * (end - start)) for t in (0.0, 1.0, 2.0, 3.0)]
        third = along[3] - 3 * along[2] + 3 * along[1] - along[0]
        second = along[2] - 2 * along[1] + along[0]
        largest = np.max(np.abs(along), axis=0)
        quadratic = np.all(np.abs(third) <= _THIRD_DIFFERENCE_RELATIVE * largest)
        if not quadratic or not np.all(second < 0):
            return False
    return True


def _expansion_point(latent: Any, blocks: IndependentBlocks) -> Any:
    return pt.zeros((blocks.count, blocks.size))


def _parameters(z: Any, gradient: Any, hessian: Any) -> Parameters:
    """Compute the mean, the covariance, and the log determinant of the precision."""
    size = hessian.type.shape[-1]
    if size == 1:
        precision = -hessian[:, 0, 0]
        mean = z + gradient / precision[:, None]
        return mean, (1 / precision)[:, None, None], pt.log(precision)
    step, log_determinant, covariance = solve_positive_definite(-hessian, gradient, size)
    return z + step, covariance, log_determinant


def _centre(parameters: Parameters) -> Any:
    return parameters[0]


def _log_density(parameters: Parameters, z: Any, blocks: IndependentBlocks) -> Any:
    """Evaluate the density at the mean, where the quadratic form is zero.

    Entries that pad a block have precision 1 and do not contribute to the log determinant.
    """
    dimension = np.sum(blocks.entries >= 0, axis=1)
    return 0.5 * parameters[2] - dimension * (0.5 * np.log(2 * np.pi))


def _distribution(parameters: Parameters, blocks: IndependentBlocks) -> Any:
    mean, covariance, _ = parameters
    if blocks.size == 1:
        scale = pt.sqrt(covariance[:, 0])
        return pm.Normal.dist(blocks.scatter(mean), blocks.scatter(scale))
    if blocks.count == 1 and len(blocks.shape) == 1:
        return pm.MvNormal.dist(mean[0], cov=covariance[0])
    by_block = pm.MvNormal.dist(mean, cov=covariance)
    same_shape = blocks.full and blocks.entries.shape == blocks.shape
    if same_shape and np.array_equal(blocks.entries.ravel(), np.arange(blocks.entries.size)):
        return by_block
    return blocks.scatter(by_block)


NORMAL = ConjugateFamily(
    name="normal",
    transform=None,
    matches=_matches,
    expansion_point=_expansion_point,
    parameters=_parameters,
    centre=_centre,
    log_density=_log_density,
    distribution=_distribution,
    separate_entries=False,
)
STRATEGY = conjugate_strategy(NORMAL)

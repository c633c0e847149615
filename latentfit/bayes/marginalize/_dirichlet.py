r"""Dirichlet conditionals: latents on the simplex with log p(x, z | θ) = c + Σ_k a_k log z_k.

Examples are probabilities of categories and of multinomial counts. The gradient at
z = (1 / K, ..., 1 / K) is K a, and z | x, θ ~ Dirichlet(a + 1).
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
from latentfit.bayes.marginalize.structure import IndependentBlocks, LogDensities

# Second difference, relative to the log density, that is attributed to rounding.
_SECOND_DIFFERENCE_RELATIVE = 1e-8


def _matches(log_densities: LogDensities, draws: tuple[np.ndarray, ...]) -> bool:
    """Test whether the log density is linear in log z, along lines in log z.

    The points of such a line leave the simplex, where the density is not defined. They are divided
    by their sum. If log p is Σ_k a_k log z_k, the division subtracts the product of a_1 + ... + a_K
    and the logarithm of the sum, which is added again. The total of the a_k is unknown: it is
    computed from three points of the line, and tested at three other points.
    """
    for first, second in pairwise(draws):
        log_ratio = np.log(second) - np.log(first)
        along = []
        for t in (0.0, 0.5, 1.0):
            z = first * np.exp(t * log_ratio)
            total = z.sum(axis=-1, keepdims=True)
            along.append((log_densities(z / total), np.log(total).reshape(-1)))
        densities, log_totals = (np.stack(part) for part in zip(*along, strict=True))
        density_difference, total_difference = (
            part[0] - 2 * part[1] + part[2] for part in (densities, log_totals)
        )
        total_power = -density_difference / total_difference
        if not _linear_along_line(total_power, log_densities, first, second):
            return False
    return True


def _linear_along_line(
    total_power: np.ndarray,
    log_densities: LogDensities,
    first: np.ndarray,
    second: np.ndarray,
) -> bool:
    """Whether this total of the a_k makes the log density linear on another part of the line."""
    log_ratio, parts = np.log(second) - np.log(first), []
    for t in (0.1, 0.3, 0.5):
        z = first * np.exp(t * log_ratio)
        total = z.sum(axis=-1, keepdims=True)
        parts.append(log_densities(z / total) + total_power * np.log(total).reshape(-1))
    difference = parts[0] - 2 * parts[1] + parts[2]
    largest = np.max(np.abs(parts), axis=0)
    return bool(np.all(np.abs(difference) <= _SECOND_DIFFERENCE_RELATIVE * largest))


def _expansion_point(latent: Any, blocks: IndependentBlocks) -> Any:
    return pt.full((blocks.count, blocks.size), 1 / blocks.size)


def _parameters(z: Any, gradient: Any, hessian: Any) -> Parameters:
    return (gradient * z + 1,)


def _centre(parameters: Parameters) -> Any:
    (a,) = parameters
    return a / a.sum(axis=-1, keepdims=True)


def _log_density(parameters: Parameters, z: Any, blocks: IndependentBlocks) -> Any:
    (a,) = parameters
    constant = pt.gammaln(a.sum(axis=-1)) - pt.gammaln(a).sum(axis=-1)
    return constant + ((a - 1) * pt.log(z)).sum(axis=-1)


def _distribution(parameters: Parameters, blocks: IndependentBlocks) -> Any:
    return pm.Dirichlet.dist(blocks.scatter(parameters[0]))


DIRICHLET = ConjugateFamily(
    name="Dirichlet",
    transform="simplex",
    matches=_matches,
    expansion_point=_expansion_point,
    parameters=_parameters,
    centre=_centre,
    log_density=_log_density,
    distribution=_distribution,
    separate_entries=False,
    joint_axes=1,
)
STRATEGY = conjugate_strategy(DIRICHLET)

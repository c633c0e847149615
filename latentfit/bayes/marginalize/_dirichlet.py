r"""Dirichlet conditionals: latents on the simplex with log p(x, z | θ) = c + Σ_k a_k log z_k.

Probabilities of categories and of multinomial counts. The gradient at z = (1 / K, ..., 1 / K) is K
a, and z | x, θ ~ Dirichlet(a + 1).
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit.bayes.marginalize._blocks import Blocks
from latentfit.bayes.marginalize._conjugate import Family, Parameters

_CLOSE = 1e-8


def _fits(height: Callable[[np.ndarray], np.ndarray], draws: tuple[np.ndarray, ...]) -> bool:
    """It is linear along geometric means."""
    for first, second in pairwise(draws):
        log_ratio = np.log(second) - np.log(first)
        along = []
        for t in (0.0, 0.5, 1.0):
            z = first * np.exp(t * log_ratio)
            total = z.sum(axis=-1, keepdims=True)
            # Off the simplex the density says nothing: the sum is divided out, and put back.
            along.append((height(z / total), np.log(total).reshape(-1)))
        heights, totals = (np.stack(part) for part in zip(*along, strict=True))
        # a₁ + ... + a_K is the same for all t: the unknown slope in log totals.
        bend, there = (part[0] - 2 * part[1] + part[2] for part in (heights, totals))
        slope = -bend / there
        if not _constant(slope, height, first, second):
            return False
    return True


def _constant(
    slope: np.ndarray,
    height: Callable[[np.ndarray], np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
) -> bool:
    """Whether the same slope in log totals makes it linear on another part of the line."""
    log_ratio, parts = np.log(second) - np.log(first), []
    for t in (0.1, 0.3, 0.5):
        z = first * np.exp(t * log_ratio)
        total = z.sum(axis=-1, keepdims=True)
        parts.append(height(z / total) + slope * np.log(total).reshape(-1))
    bend = parts[0] - 2 * parts[1] + parts[2]
    return bool(np.all(np.abs(bend) <= _CLOSE * np.max(np.abs(parts), axis=0)))


def _anchor(latent: Any, blocks: Blocks) -> Any:
    return pt.full((blocks.count, blocks.size), 1 / blocks.size)


def _parameters(z: Any, gradient: Any, curvature: Any) -> Parameters:
    return (gradient * z + 1,)


def _middle(parameters: Parameters) -> Any:
    (a,) = parameters
    return a / a.sum(axis=-1, keepdims=True)


def _log_density(parameters: Parameters, z: Any, blocks: Blocks) -> Any:
    (a,) = parameters
    constant = pt.gammaln(a.sum(axis=-1)) - pt.gammaln(a).sum(axis=-1)
    return constant + ((a - 1) * pt.log(z)).sum(axis=-1)


def _distribution(parameters: Parameters, blocks: Blocks) -> Any:
    return pm.Dirichlet.dist(blocks.scatter(parameters[0]))


DIRICHLET = Family(
    words="Dirichlet",
    transform="simplex",
    fits=_fits,
    anchor=_anchor,
    parameters=_parameters,
    middle=_middle,
    log_density=_log_density,
    distribution=_distribution,
    scalar=False,
    together=1,
)

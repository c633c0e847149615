r"""Inverse gamma conditionals: latents z > 0 with log p(x, z | θ) = c - a log z - b / z.

Variances of normals, scales of exponentials. With gradient g and curvature h at any one z,
b = -z² (g + z h) and a = b / z - z g; and z | x, θ ~ InverseGamma(a - 1, b).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit.bayes.marginalize._blocks import Blocks
from latentfit.bayes.marginalize._conjugate import Family, Parameters
from latentfit.bayes.marginalize._gamma import _anchor
from latentfit.bayes.marginalize._spans import spanned


def _fits(height: Callable[[np.ndarray], np.ndarray], draws: tuple[np.ndarray, ...]) -> bool:
    values = [k * draws[0] for k in (0.5, 1.0, 2.0, 3.0, 4.0)]
    return spanned(height, values, (np.log, lambda z: 1 / z))


def _parameters(z: Any, gradient: Any, curvature: Any) -> Parameters:
    scale = -(z**2) * (gradient + z * curvature[:, :, 0])
    return scale / z - z * gradient - 1, scale


def _middle(parameters: Parameters) -> Any:
    """The mode: the mean need not exist."""
    shape, scale = parameters
    return scale / (shape + 1)


def _log_density(parameters: Parameters, z: Any, blocks: Blocks) -> Any:
    shape, scale = parameters
    found = shape * pt.log(scale) - pt.gammaln(shape) - (shape + 1) * pt.log(z) - scale / z
    return found[:, 0]


def _distribution(parameters: Parameters, blocks: Blocks) -> Any:
    shape, scale = (blocks.scatter(one) for one in parameters)
    return pm.InverseGamma.dist(shape, scale)


INVERSE_GAMMA = Family(
    words="inverse gamma",
    transform="log",
    fits=_fits,
    anchor=_anchor,
    parameters=_parameters,
    middle=_middle,
    log_density=_log_density,
    distribution=_distribution,
)

r"""Inverse gamma conditionals: latents z > 0 with log p(x, z | θ) = c - a log z - b / z.

Examples are variances of normal variables and scales of exponential ones. With gradient g and
second derivative h at any z, b = -z² (g + z h) and a = b / z - z g; and z | x, θ ~ InverseGamma(a -
1, b).
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit.bayes.marginalize._conjugate import (
    ConjugateFamily,
    Parameters,
    conjugate_strategy,
)
from latentfit.bayes.marginalize._positive_latents import POSITIVE_MULTIPLES, prior_centre
from latentfit.bayes.marginalize.structure import (
    IndependentBlocks,
    LogDensities,
    in_linear_span,
)


def _matches(log_densities: LogDensities, draws: tuple[np.ndarray, ...]) -> bool:
    values = [k * draws[0] for k in POSITIVE_MULTIPLES]
    return in_linear_span(log_densities, values, (np.log, lambda z: 1 / z))


def _parameters(z: Any, gradient: Any, hessian: Any) -> Parameters:
    scale = -(z**2) * (gradient + z * hessian[:, :, 0])
    return scale / z - z * gradient - 1, scale


def _centre(parameters: Parameters) -> Any:
    """Use the mode, because the mean need not exist."""
    shape, scale = parameters
    return scale / (shape + 1)


def _log_density(parameters: Parameters, z: Any, blocks: IndependentBlocks) -> Any:
    shape, scale = parameters
    density = shape * pt.log(scale) - pt.gammaln(shape) - (shape + 1) * pt.log(z) - scale / z
    return density[:, 0]


def _distribution(parameters: Parameters, blocks: IndependentBlocks) -> Any:
    shape, scale = (blocks.scatter(one) for one in parameters)
    return pm.InverseGamma.dist(shape, scale)


INVERSE_GAMMA = ConjugateFamily(
    name="inverse gamma",
    transform="log",
    matches=_matches,
    expansion_point=prior_centre,
    parameters=_parameters,
    centre=_centre,
    log_density=_log_density,
    distribution=_distribution,
)
STRATEGY = conjugate_strategy(INVERSE_GAMMA)

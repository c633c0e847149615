r"""Gamma conditionals: latents z > 0 with log p(x, z | θ) = c + a log z - b z.

Examples are rates of Poisson counts or exponential times, and precisions of normal variables. The
derivatives at any z are a / z - b and -a / z², and z | x, θ ~ Gamma(a + 1, b).
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
    return in_linear_span(log_densities, values, (np.log, lambda z: z))


def _parameters(z: Any, gradient: Any, hessian: Any) -> Parameters:
    power = -hessian[:, :, 0] * z**2
    return power + 1, power / z - gradient


def _centre(parameters: Parameters) -> Any:
    shape, rate = parameters
    return shape / rate


def _log_density(parameters: Parameters, z: Any, blocks: IndependentBlocks) -> Any:
    shape, rate = parameters
    density = shape * pt.log(rate) - pt.gammaln(shape) + (shape - 1) * pt.log(z) - rate * z
    return density[:, 0]


def _distribution(parameters: Parameters, blocks: IndependentBlocks) -> Any:
    shape, rate = (blocks.scatter(one) for one in parameters)
    return pm.Gamma.dist(shape, rate)


GAMMA = ConjugateFamily(
    name="gamma",
    transform="log",
    matches=_matches,
    expansion_point=prior_centre,
    parameters=_parameters,
    centre=_centre,
    log_density=_log_density,
    distribution=_distribution,
)
STRATEGY = conjugate_strategy(GAMMA)

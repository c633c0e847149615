r"""Gamma conditionals: latents z > 0 with log p(x, z | θ) = c + a log z - b z.

Rates of Poisson counts or exponential times, precisions of normals. The derivatives at any one z
are a / z - b and -a / z², and z | x, θ ~ Gamma(a + 1, b).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.distribution import support_point

from latentfit.bayes.marginalize._blocks import Blocks
from latentfit.bayes.marginalize._conjugate import Family, Parameters
from latentfit.bayes.marginalize._spans import spanned


def _fits(height: Callable[[np.ndarray], np.ndarray], draws: tuple[np.ndarray, ...]) -> bool:
    values = [k * draws[0] for k in (0.5, 1.0, 2.0, 3.0, 4.0)]
    return spanned(height, values, (np.log, lambda z: z))


def _anchor(latent: Any, blocks: Blocks) -> Any:
    """The prior's own middle: what is large or small there is so because of its units."""
    return blocks.gather(pt.broadcast_to(support_point(latent), blocks.shape).reshape((-1,)))


def _parameters(z: Any, gradient: Any, curvature: Any) -> Parameters:
    power = -curvature[:, :, 0] * z**2
    return power + 1, power / z - gradient


def _middle(parameters: Parameters) -> Any:
    shape, rate = parameters
    return shape / rate


def _log_density(parameters: Parameters, z: Any, blocks: Blocks) -> Any:
    shape, rate = parameters
    found = shape * pt.log(rate) - pt.gammaln(shape) + (shape - 1) * pt.log(z) - rate * z
    return found[:, 0]


def _distribution(parameters: Parameters, blocks: Blocks) -> Any:
    shape, rate = (blocks.scatter(one) for one in parameters)
    return pm.Gamma.dist(shape, rate)


GAMMA = Family(
    words="gamma",
    transform="log",
    fits=_fits,
    anchor=_anchor,
    parameters=_parameters,
    middle=_middle,
    log_density=_log_density,
    distribution=_distribution,
)

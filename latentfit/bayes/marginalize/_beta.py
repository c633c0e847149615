r"""Beta conditionals: latents in (0, 1) with log p(x, z | θ) = c + a log z + b log(1 - z).

Probabilities of binomial, geometric and Bernoulli variables. At z = 1/2 the derivatives are 2 (a -
b) and -4 (a + b), and z | x, θ ~ Beta(a + 1, b + 1).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit.bayes.marginalize._blocks import Blocks
from latentfit.bayes.marginalize._conjugate import Family, Parameters
from latentfit.bayes.marginalize._spans import spanned


def _fits(height: Callable[[np.ndarray], np.ndarray], draws: tuple[np.ndarray, ...]) -> bool:
    values = [draws[0] ** k for k in (0.5, 0.8, 1.0, 1.5, 2.0)]
    return spanned(height, values, (np.log, lambda z: np.log1p(-z)))


def _anchor(latent: Any, blocks: Blocks) -> Any:
    return pt.full((blocks.count, blocks.size), 0.5)


def _parameters(z: Any, gradient: Any, curvature: Any) -> Parameters:
    total, difference = -curvature[:, :, 0] / 4, gradient / 2
    return (total + difference) / 2 + 1, (total - difference) / 2 + 1


def _middle(parameters: Parameters) -> Any:
    a, b = parameters
    return a / (a + b)


def _log_density(parameters: Parameters, z: Any, blocks: Blocks) -> Any:
    a, b = parameters
    constant = pt.gammaln(a + b) - pt.gammaln(a) - pt.gammaln(b)
    return (constant + (a - 1) * pt.log(z) + (b - 1) * pt.log1p(-z))[:, 0]


def _distribution(parameters: Parameters, blocks: Blocks) -> Any:
    a, b = (blocks.scatter(one) for one in parameters)
    return pm.Beta.dist(a, b)


BETA = Family(
    words="beta",
    transform="logodds",
    fits=_fits,
    anchor=_anchor,
    parameters=_parameters,
    middle=_middle,
    log_density=_log_density,
    distribution=_distribution,
)

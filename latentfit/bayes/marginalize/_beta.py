r"""Beta conditionals: latents in (0, 1) with log p(x, z | θ) = c + a log z + b log(1 - z).

Examples are probabilities of binomial, geometric and Bernoulli variables. At z = 1/2 the
derivatives are 2 (a - b) and -4 (a + b), and z | x, θ ~ Beta(a + 1, b + 1).
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
from latentfit.bayes.marginalize.structure import (
    IndependentBlocks,
    LogDensities,
    in_linear_span,
)

# Powers of a draw in (0, 1), which are in (0, 1) too, at which the log density is evaluated.
_POWERS = (0.5, 0.8, 1.0, 1.5, 2.0)


def _matches(log_densities: LogDensities, draws: tuple[np.ndarray, ...]) -> bool:
    values = [draws[0] ** k for k in _POWERS]
    return in_linear_span(log_densities, values, (np.log, lambda z: np.log1p(-z)))


def _expansion_point(latent: Any, blocks: IndependentBlocks) -> Any:
    return pt.full((blocks.count, blocks.size), 0.5)


def _parameters(z: Any, gradient: Any, hessian: Any) -> Parameters:
    total, difference = -hessian[:, :, 0] / 4, gradient / 2
    return (total + difference) / 2 + 1, (total - difference) / 2 + 1


def _centre(parameters: Parameters) -> Any:
    a, b = parameters
    return a / (a + b)


def _log_density(parameters: Parameters, z: Any, blocks: IndependentBlocks) -> Any:
    a, b = parameters
    constant = pt.gammaln(a + b) - pt.gammaln(a) - pt.gammaln(b)
    return (constant + (a - 1) * pt.log(z) + (b - 1) * pt.log1p(-z))[:, 0]


def _distribution(parameters: Parameters, blocks: IndependentBlocks) -> Any:
    a, b = (blocks.scatter(one) for one in parameters)
    return pm.Beta.dist(a, b)


BETA = ConjugateFamily(
    name="beta",
    transform="logodds",
    matches=_matches,
    expansion_point=_expansion_point,
    parameters=_parameters,
    centre=_centre,
    log_density=_log_density,
    distribution=_distribution,
)
STRATEGY = conjugate_strategy(BETA)

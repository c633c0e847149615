"""A median or a geometric mean where the mean belongs."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=120,
    hint="this is the median of an exponential distribution, log 2 times its mean",
)
def exponential_median(context: MistakeContext) -> Iterator[Prediction]:
    """Predict log 2 · E[z | x]."""
    yield predict(np.log(2) * context.expected)


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=122,
    hint="this is exp(E[log z]) of an exponential distribution, 0.561 times its mean",
)
def exponential_geometric_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict exp(-γ) · E[z | x], with Euler's constant γ."""
    yield predict(np.exp(-np.euler_gamma) * context.expected)

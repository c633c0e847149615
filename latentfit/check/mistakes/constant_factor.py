"""A constant factor that is too much or missing."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=125,
    hint="this is twice the conditional mean",
    only_numbers=True,
)
def twice_the_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 2 E[z | x]."""
    if context.is_latent:
        yield predict(2 * context.expected)


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=130,
    hint="this is half the conditional mean",
    only_numbers=True,
)
def half_the_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict E[z | x] / 2."""
    if context.is_latent:
        yield predict(context.expected / 2)


@known_mistake(
    step="E",
    quantity="statistic",
    priority=500,
    hint="this is twice what it should be",
    only_numbers=True,
)
def twice_the_statistic(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 2 E[f(z, x) | x]."""
    yield predict(2 * context.expected)


@known_mistake(
    step="E",
    quantity="statistic",
    priority=505,
    hint="this is half what it should be",
    only_numbers=True,
)
def half_the_statistic(context: MistakeContext) -> Iterator[Prediction]:
    """Predict E[f(z, x) | x] / 2."""
    yield predict(context.expected / 2)


@known_mistake(
    step="M",
    quantity="parameter",
    priority=400,
    hint="{quantity} is {factor} what it should be",
    only_numbers=True,
)
def factor_of_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict c θ⁺ and √c θ⁺ for factors c that occur."""
    for factor, words in ((2.0, "twice"), (0.5, "half"), (4.0, "four times")):
        yield predict(factor * context.expected, quantity="this", factor=words)
        root = np.sqrt(factor) * context.expected
        yield predict(root, quantity="the square of this", factor=words)

"""A number from the observed values, or zero, in place of a conditional mean."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=115,
    hint="the missing values are counted as zero",
)
def zero(context: MistakeContext) -> Iterator[Prediction]:
    """Predict zeros."""
    yield predict(np.zeros_like(context.expected))


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=150,
    hint="the mean of the observed values is used in place of the conditional expectation",
)
def mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the mean of the observed values."""
    if context.observed.size:
        yield predict(np.full_like(context.expected, context.observed.mean()))


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=155,
    hint="the median of the observed values is used in place of the conditional expectation",
)
def median(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the median of the observed values."""
    if context.observed.size:
        yield predict(np.full_like(context.expected, np.median(context.observed)))


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=160,
    hint="the sum of the observed values is used in place of the conditional expectation",
)
def total(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the sum of the observed values."""
    if context.observed.size:
        yield predict(np.full_like(context.expected, context.observed.sum()))

"""A sum where a mean belongs, or the reverse."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=145,
    hint="a sum where a mean belongs: this is the conditional mean times the number of entries",
)
def sum_of_latents(context: MistakeContext) -> Iterator[Prediction]:
    """Predict E[z | x] times the number of its entries."""
    yield predict(context.expected * context.expected.size)


@known_mistake(
    step="E",
    quantity="statistic",
    priority=515,
    hint="a mean where a sum belongs: this is the expectation divided by the number of its entries",
)
def mean_of_statistic(context: MistakeContext) -> Iterator[Prediction]:
    """Predict E[f(z, x) | x] divided by the number of its entries."""
    yield predict(context.expected / context.expected.size)


@known_mistake(
    step="M",
    quantity="parameter",
    priority=310,
    hint="{mistake} by {count}",
)
def divided_or_not(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the parameter, or its square, multiplied or divided by a number of observations."""
    expected = context.expected
    for count, n in context.counts.items():
        if n.ndim and n.shape != expected.shape:
            continue
        for mistake, value in (
            ("a sum where a mean belongs: this is not divided", expected * n),
            ("a mean where a sum belongs: this is divided", expected / n),
            ("the variance is not divided", expected * np.sqrt(n)),
            ("the square root is taken before the division", expected / np.sqrt(n)),
        ):
            yield predict(value, mistake=mistake, count=count)

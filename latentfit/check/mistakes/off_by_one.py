"""A number of observations that is wrong by one: n - 1 where n belongs, n + 1, or the reverse."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=300,
    hint="in {place}, {used} is used where {right} belongs",
)
def off_by_one(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the parameter with a number of observations that is wrong by one."""
    expected = context.expected
    for count, n in context.counts.items():
        if n.ndim and n.shape != expected.shape:
            continue
        less, more = f"{count} - 1", f"{count} + 1"
        divisor, of_variance = "the divisor", "the divisor of the variance"
        for used, right, place, value in (
            (less, count, divisor, expected * n / (n - 1)),
            (less, count, of_variance, expected * np.sqrt(n / (n - 1))),
            (less, count, "the numerator", expected * (n - 1) / n),
            (more, count, divisor, expected * n / (n + 1)),
            (more, count, of_variance, expected * np.sqrt(n / (n + 1))),
            (more, count, "the numerator", expected * (n + 1) / n),
            (count, less, of_variance, expected * np.sqrt((n - 1) / n)),
        ):
            yield predict(value, used=used, right=right, place=place)

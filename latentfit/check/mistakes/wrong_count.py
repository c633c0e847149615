"""One number of observations where another belongs, such as all observations for those observed."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=320,
    hint="in {words}",
)
def wrong_count(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the parameter with one number of observations in place of another."""
    expected = context.expected
    for used, right in permutations(context.counts, 2):
        n, m = context.counts[right], context.counts[used]
        if not {n.shape, m.shape} <= {(), expected.shape}:
            continue
        ratio = n / m
        # A divisor that is too large and a numerator that is too small lead to the same numbers.
        words = (
            f"the divisor, {used} is used where {right} belongs, or the reverse in the numerator"
        )
        yield predict(expected * ratio, words=words)
        words = f"the divisor of the variance, {used} is used where {right} belongs"
        yield predict(expected * np.sqrt(ratio), words=words)

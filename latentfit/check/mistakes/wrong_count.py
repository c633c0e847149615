"""One number of observations where another belongs, such as all observations for those observed."""

from collections.abc import Iterator
from itertools import permutations

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=320,
    hint="in {place}, {used} is used where {right} belongs",
)
def wrong_count(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the parameter with one number of observations in place of another."""
    expected = context.expected
    for used, right in permutations(context.counts, 2):
        ratio = context.counts[right] / context.counts[used]
        if ratio.ndim and ratio.shape != expected.shape:
            continue
        for power, place in (
            (1.0, "the divisor"),
            (0.5, "the divisor of the variance"),
            (-1.0, "the numerator"),
        ):
            yield predict(expected * ratio**power, used=used, right=right, place=place)

"""A number that is added to counts or to a divisor: pseudo-counts, smoothing, protection from 0/0.

The number is found from what the M step returned, and stands in the hint.
"""

from collections.abc import Callable, Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict

# Significant digits of the number: more than a constant in a formula has, and fewer than are exact.
_DIGITS = 5
# Smaller numbers, in observations or in units of the parameter, are taken for rounding.
_SMALLEST = 1e-9


def rounded(number: float) -> str:
    """Return a number as it stands in the hint."""
    return f"{number:.{_DIGITS}g}"


@known_mistake(
    step="M",
    quantity="parameter",
    priority=140,
    hint="{number} is {mistake}",
    searched=True,
)
def added_to_counts(context: MistakeContext) -> Iterator[Prediction]:
    """Predict (c_k + ε) / (C + K ε), (c_k + ε) / C and c_k / (C + ε)."""
    counts = context.category_counts
    if counts is None:
        return
    single = counts.shape != context.expected.shape
    if single and counts.shape[:-1] != context.expected.shape:
        return
    given = context.given[..., None] if single else context.given
    total = counts.sum(axis=-1, keepdims=True)
    categories = counts.shape[-1]
    # The entry from which ε is found with the fewest digits lost.
    farthest = np.argmax(np.abs(counts / total - 1 / categories))
    *row, category = np.unravel_index(farthest, counts.shape)
    place = (*row, 0 if single else category)
    c, n, p = counts[place], total[(*row, 0)], given[place]
    # Only the first form is smoothing. In the others a part of the counts may be missing, too.
    forms: tuple[tuple[str, float, Callable[[float], np.ndarray]], ...] = (
        (
            "added to each count: smoothing, or a prior, which Q does not have",
            max((c - p * n) / (categories * p - 1), 0.0),
            lambda e: (counts + e) / (total + categories * e),
        ),
        (
            "added to each count, but not to their sum",
            max(p * n - c, 0.0),
            lambda e: (counts + e) / total,
        ),
        ("added to the sum of the counts", max(c / p - n, 0.0), lambda e: counts / (total + e)),
        ("missing in the sum of the counts", max(n - c / p, 0.0), lambda e: counts / (total - e)),
    )
    for mistake, found, value in forms:
        if np.isfinite(found) and found > _SMALLEST:
            number = rounded(found)
            predicted = value(float(number))
            yield predict(
                predicted[..., 0] if single else predicted, number=number, mistake=mistake
            )


@known_mistake(
    step="M",
    quantity="parameter",
    priority=145,
    hint="{number} is added to {what}",
    searched=True,
)
def added_to_divisor(context: MistakeContext) -> Iterator[Prediction]:
    """Predict θ⁺ n / (n + ε) and θ⁺ √(n / (n + ε)) for the responsibilities' sums n."""
    expected, n = context.expected, context.counts.get("the responsibilities' sum")
    if n is None or n.shape != expected.shape or context.category_counts is not None:
        return
    ratio = expected / context.given
    for power, place in ((1.0, "the divisor"), (0.5, "the divisor of the variance")):
        found = float((n * (ratio ** (1 / power) - 1)).flat[0])
        # A sum that is wrong by one has a hint of its own.
        if np.isfinite(found) and abs(found) > _SMALLEST and abs(abs(found) - 1) > _SMALLEST:
            number = rounded(found)
            value = expected * (n / (n + float(number))) ** power
            yield predict(value, number=number, what=f"the responsibilities' sum in {place}")


@known_mistake(
    step="M",
    quantity="parameter",
    priority=470,
    hint="{number} is added to {what}",
    only_numbers=True,
    searched=True,
)
def added_to_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict θ⁺ + ε and √(θ⁺² + ε)."""
    expected, given = context.expected, context.given
    if not expected.size or given.shape != expected.shape:
        return
    for what, power in (("the right value", 1.0), ("the square of the right value", 2.0)):
        found = float((given**power - expected**power).flat[0])
        if np.isfinite(found) and abs(found) > _SMALLEST:
            number = rounded(found)
            yield predict(
                (expected**power + float(number)) ** (1 / power), number=number, what=what
            )

"""A ratio of two sample sizes that is too much or missing, found by search."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._counts import sizes_of
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict

# Relative: a ratio of two of the many numbers that are tried may come close to any number.
_SAME_RATIO_RELATIVE = 1e-7
# If more pairs of numbers of one simplicity have this ratio, it says nothing about the cause.
_MAX_PAIRS = 2
# In a longer table of counts a single count is not a divisor.
_MAX_SINGLE_COUNTS = 12


@known_mistake(
    step="E",
    quantity="entry",
    priority=590,
    hint="{quantity} is {ratio} times what it should be: {words}",
    only_numbers=True,
    relative=_SAME_RATIO_RELATIVE,
)
def ratio_in_expectation(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the expectation times a ratio of two sample sizes."""
    yield from _ratios(context, (("this", 1.0),))


@known_mistake(
    step="M",
    quantity="parameter",
    priority=460,
    hint="{quantity} is {ratio} times what it should be: {words}",
    only_numbers=True,
    relative=_SAME_RATIO_RELATIVE,
)
def ratio_in_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the parameter, or its square, times a ratio of two sample sizes."""
    yield from _ratios(context, (("this", 1.0), ("the square of this", 2.0)))


def _ratios(
    context: MistakeContext, quantities: tuple[tuple[str, float], ...]
) -> Iterator[Prediction]:
    expected, given = context.expected, context.given
    if not expected.size or given.shape != expected.shape:
        return
    place = np.unravel_index(np.argmax(np.abs(expected)), expected.shape)
    factor = float(given[place] / expected[place])
    if not np.isfinite(factor) or factor <= 0:
        return
    for quantity, power in quantities:
        for words, a, b in _pairs(context, factor**power):
            value = expected * (a / b) ** (1 / power)
            yield predict(value, quantity=quantity, ratio=f"{a:g}/{b:g}", words=words)


def _pairs(context: MistakeContext, ratio: float) -> list[tuple[str, float, float]]:
    """Return the simplest pairs of sizes with this ratio; none if there are too many of them."""
    sizes, sums = list(sizes_of(context.examination).items()), list(_sums(context).items())
    for words, n in (*sizes, *sums):
        if abs(n * ratio - 1) <= _SAME_RATIO_RELATIVE:
            return [(f"it is divided by {words}", 1.0, n)]
    one_off = [(f"{words} {sign} 1", n + by) for words, n in sizes for sign, by in _BY_ONE]
    products = [
        (f"{words} times {other}", n * m)
        for i, (words, n) in enumerate(sizes)
        for other, m in [*sizes[i + 1 :], *one_off]
        if words not in other
    ]
    for numbers in (
        [*sizes, *sums],
        [*sizes, *sums, *one_off],
        [*sizes, *sums, *one_off, *products],
    ):
        found = _with_ratio(numbers, ratio)
        if found:
            return found if len(found) <= _MAX_PAIRS else []
    return []


def _with_ratio(numbers: list[tuple[str, float]], ratio: float) -> list[tuple[str, float, float]]:
    """Return words and values of all pairs of positive numbers with this ratio."""
    n = np.array([number for _, number in numbers if number > 0])
    words = [word for word, number in numbers if number > 0]
    same = np.abs(n[:, None] / n - ratio) <= _SAME_RATIO_RELATIVE * ratio
    return [
        (f"the ratio of {words[i]} and {words[j]}", float(n[i]), float(n[j]))
        for i, j in np.argwhere(same)
        if n[i] != n[j]
    ]


_BY_ONE = (("-", -1), ("+", 1))


def _sums(context: MistakeContext) -> dict[str, float]:
    """Return the sums of counts among the data, and single counts if they are few."""
    found: dict[str, float] = {}
    for name, values in context.examination.data.items():
        array = np.ma.asarray(values)
        if not array.ndim or array.dtype.kind not in "iuf" or np.ma.is_masked(array):
            continue
        numbers = np.asarray(array, float)
        if np.all(numbers == np.round(numbers)) and np.all(numbers >= 0):
            found[f"the sum of {name}"] = float(numbers.sum())
            if numbers.ndim == 1 and numbers.size <= _MAX_SINGLE_COUNTS:
                found |= {f"{name}[{i}]": float(n) for i, n in enumerate(numbers)}
    return found

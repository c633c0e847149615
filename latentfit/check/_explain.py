"""Which known mistake explains the numbers, if one does.

A hypothesis is offered as a hint only if its prediction is what the step returned, at every
θ that was tried, and better than the others are.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations

import numpy as np

# Rounding, and the single precision that a derivation may be written in.
CLOSE = 1e-5
MOST_PERMUTED = 5


def explain(
    given: Sequence[np.ndarray], predictions: Sequence[Mapping[str, np.ndarray]]
) -> str | None:
    """The hypothesis whose predictions match what was given at every θ, and best.

    Parameters
    ----------
    given : sequence of ndarray
        One an examined θ.
    predictions : sequence of mapping
        ``{hint: prediction}`` for each of them.
    """
    if not given:
        return None
    misses = {
        hint: max(
            miss(value, predicted[hint])
            for value, predicted in zip(given, predictions, strict=True)
        )
        for hint in predictions[0]
        if all(hint in predicted for predicted in predictions)
    }
    best = min(misses, key=lambda hint: misses[hint], default=None)
    return best if best is not None and misses[best] <= CLOSE else None


def miss(given: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest expected entry; infinite if incomparable."""
    given, expected = np.asarray(given, float), np.asarray(expected, float)
    if given.shape != expected.shape or not np.isfinite(expected).all():
        return float("inf")
    scale = np.max(np.abs(expected), initial=0.0)
    worst = float(np.max(np.abs(given - expected), initial=0.0))
    if worst == 0:
        return 0.0
    return worst / scale if np.isfinite(worst) and scale > 0 else float("inf")


def close(given: np.ndarray, expected: np.ndarray) -> bool:
    """Equal to rounding."""
    return miss(given, expected) <= CLOSE


def orders(size: int) -> Iterable[tuple[int, ...]]:
    """Every order of K components, the identity first; only that one where K is large."""
    return permutations(range(size)) if size <= MOST_PERMUTED else [tuple(range(size))]


def reordered(values: np.ndarray) -> Iterable[tuple[tuple[int, ...], np.ndarray]]:
    """Every other order of what lies along the last axis."""
    for order in orders(values.shape[-1]):
        if list(order) != sorted(order):
            yield order, values[..., list(order)]

"""Whether two arrays are the same but for rounding."""

import numpy as np

# Relative to the largest entry: rounding, also in a derivation that is written in single precision.
SAME_VALUE_RELATIVE = 1e-5


def relative_error(given: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference relative to the largest expected entry.

    Infinite if the shapes differ or a number is not finite.
    """
    given, expected = np.asarray(given, float), np.asarray(expected, float)
    if given.shape != expected.shape or not np.isfinite(expected).all():
        return float("inf")
    scale = np.max(np.abs(expected), initial=0.0)
    worst = float(np.max(np.abs(given - expected), initial=0.0))
    if worst == 0:
        return 0.0
    return worst / scale if np.isfinite(worst) and scale > 0 else float("inf")


def close(given: np.ndarray, expected: np.ndarray) -> bool:
    """Return whether two arrays are equal but for rounding."""
    return relative_error(given, expected) <= SAME_VALUE_RELATIVE

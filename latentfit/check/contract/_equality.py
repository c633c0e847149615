"""Whether two values of any kind are equal."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def equal(one: Any, other: Any, tolerance: float) -> bool:
    """Return whether two values are equal.

    Values that cannot be compared, such as functions, count as equal.

    Parameters
    ----------
    one, other : object
        Arrays, numbers, text, and mappings, lists and tuples of them.
    tolerance : float
        Difference between numbers that does not count, relative to the largest one of an array.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(
            equal(one[name], other[name], tolerance) for name in one
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            equal(a, b, tolerance) for a, b in zip(one, other, strict=True)
        )
    try:
        first, second = np.asanyarray(one), np.asanyarray(other)
        if first.shape != second.shape:
            return False
        mask = np.ma.getmaskarray(first)
        if not np.array_equal(mask, np.ma.getmaskarray(second)):
            return False
        first, second = np.ma.getdata(first)[~mask], np.ma.getdata(second)[~mask]
        if first.dtype.kind not in "fiubc" or second.dtype.kind not in "fiubc":
            return bool(np.all(first == second)) if first.dtype.kind in "SU" else True
        scale = np.max(np.abs(first), initial=0.0, where=np.isfinite(first))
        return np.allclose(first, second, rtol=0, atol=tolerance * scale, equal_nan=True)
    except (TypeError, ValueError):
        # A function or a generator, for example, which cannot be compared.
        return True

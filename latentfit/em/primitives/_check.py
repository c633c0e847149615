"""Arguments of primitives, as arrays that the kernels can read.

Double precision alone: the log-likelihoods of large samples need all of its digits, and a
silent copy of float32 data in every iteration would take twice the memory of the data.
"""

from typing import Any

import numpy as np

_SMALL = 10_000


class ImpossibleRowError(ValueError):
    """A row of a chain's log densities has probability 0 in every state that can be reached.

    Attributes
    ----------
    row : int
        Counted from 0.
    """

    def __init__(self, row: int) -> None:
        self.row = int(row)
        super().__init__(f"log_b[{row}] has probability 0 in every state that can be reached")

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return type(self), (self.row,)


def numbers(name: str, value: Any, *ndims: int) -> np.ndarray:
    """Float64, rows contiguous, with one of the numbers of axes.

    Raises
    ------
    TypeError
        Not real numbers of double precision, nor integers.
    ValueError
        Masked entries, or another number of axes.
    """
    array = _unmasked(name, value)
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and array.dtype != np.float64):
        raise TypeError(
            f"{name} is {array.dtype}; expected float64, double precision: {name}.astype(float)"
        )
    _axes(name, array, ndims)
    array = np.ascontiguousarray(array, dtype=np.float64)
    # For arrays that are read-only, as params are, Numba would compile every kernel once more.
    return array.copy() if array.size < _SMALL and not array.flags.writeable else array


def codes(name: str, value: Any, *ndims: int) -> np.ndarray:
    """Integers of any width, rows contiguous, with one of the numbers of axes.

    Raises
    ------
    TypeError
        Not integers.
    ValueError
        Masked entries, or another number of axes.
    """
    array = _unmasked(name, value)
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"{name} is {array.dtype}; expected integers, the codes 0, 1, 2, ... of categories"
        )
    _axes(name, array, ndims)
    return np.ascontiguousarray(array)


def shape(name: str, array: np.ndarray, expected: tuple[int, ...], what: str) -> np.ndarray:
    """The array itself, if it has that shape; `what` the axes are is for the message.

    Raises
    ------
    ValueError
        It has another.
    """
    if array.shape != expected:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}: {what}")
    return array


def some(name: str, array: np.ndarray) -> np.ndarray:
    """The array itself, if it has entries.

    Raises
    ------
    ValueError
        It has none.
    """
    if not array.size:
        raise ValueError(f"{name} is empty: shape {array.shape}")
    return array


def weights(value: Any, rows: int) -> np.ndarray:
    """Weights of so many rows, a column for each component.

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Another number of rows or axes, none, or masked entries.
    """
    r = some("r", numbers("r", value, 2))
    return shape("r", r, (rows, r.shape[1]), "rows as in x, and components")


def room(out: Any, expected: tuple[int, ...], *read: np.ndarray) -> np.ndarray:
    """`out` itself, if a result of that shape can be written there; a new array if it is None.

    Raises
    ------
    TypeError
        Not an array of double precision.
    ValueError
        Another shape, rows that are not contiguous, read-only, or the memory of an array that is
        still to be `read`.
    """
    if out is None:
        return np.empty(expected)
    if type(out) is not np.ndarray or out.dtype != np.float64:
        kind = out.dtype if type(out) is np.ndarray else f"a {type(out).__name__}"
        raise TypeError(f"out is {kind}; expected a NumPy array of float64")
    shape("out", out, expected, "that of the result")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("out is read-only, or its rows are not contiguous: np.empty makes one")
    if any(np.may_share_memory(out, array) for array in read):
        raise ValueError("out has memory in common with an argument that is read while it fills")
    return out


def _unmasked(name: str, value: Any) -> np.ndarray:
    if np.ma.is_masked(value):
        raise ValueError(f"{name} has masked entries, of which these sums know nothing")
    return np.asarray(value)


def _axes(name: str, array: np.ndarray, ndims: tuple[int, ...]) -> None:
    if array.ndim not in ndims:
        expected = " or ".join(str(ndim) for ndim in ndims)
        raise ValueError(
            f"{name} has shape {array.shape}, expected {expected} "
            f"{'axis' if ndims == (1,) else 'axes'}"
        )

"""Validate the arguments of primitives and convert them to arrays that the kernels can read.

Floating-point data must have double precision. The log-likelihood of a large sample needs all of
its digits, and converting float32 data in every iteration would silently allocate twice the
memory of the data.
"""

from typing import Any

import numpy as np

# Read-only arrays with fewer entries than this are copied to make them writeable.
_MIN_UNCOPIED_ENTRIES = 10_000


def float_array(name: str, value: Any, *ndims: int) -> np.ndarray:
    """Convert an argument to a float64 array in C order.

    Parameters
    ----------
    name : str
        Name of the argument, for error messages.
    value : array_like
        Real numbers of double precision, or integers.
    *ndims : int
        Admissible numbers of axes.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    TypeError
        The argument has another type than float64, an integer type or bool.
    ValueError
        The argument has masked entries or an inadmissible number of axes.
    """
    array = _unmasked_array(name, value)
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and array.dtype != np.float64):
        raise TypeError(
            f"{name} is {array.dtype}; expected float64 (double precision): "
            f"convert it by {name}.astype(float)"
        )
    _require_axes(name, array, ndims)
    array = np.ascontiguousarray(array, dtype=np.float64)
    # Numba compiles every kernel a second time for read-only arrays, and parameters are read-only.
    if array.size < _MIN_UNCOPIED_ENTRIES and not array.flags.writeable:
        return array.copy()
    return array


def code_array(name: str, value: Any, *ndims: int) -> np.ndarray:
    """Convert an argument to an array of category codes in C order.

    Parameters
    ----------
    name : str
        Name of the argument, for error messages.
    value : array_like of int or bool
        Codes 0, 1, 2, ...; the range is not checked here.
    *ndims : int
        Admissible numbers of axes.

    Returns
    -------
    ndarray of an integer type
        In the byte order of the machine; False and True become 0 and 1.

    Raises
    ------
    TypeError
        The argument has neither an integer type nor bool.
    ValueError
        The argument has masked entries or an inadmissible number of axes.
    """
    array = _unmasked_array(name, value)
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"{name} is {array.dtype}; expected integers, the codes 0, 1, 2, ... of categories"
        )
    _require_axes(name, array, ndims)
    return np.ascontiguousarray(array)


def require_shape(name: str, array: np.ndarray, expected: tuple[int, ...], axes: str) -> np.ndarray:
    """Return the array if it has the expected shape.

    Parameters
    ----------
    name : str
        Name of the argument, for the error message.
    array : ndarray
    expected : tuple of int
        The expected shape.
    axes : str
        What the axes of the expected shape are, for the error message.

    Returns
    -------
    ndarray
        `array` itself.

    Raises
    ------
    ValueError
        The array has another shape.
    """
    if array.shape != expected:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}: {axes}")
    return array


def require_entries(name: str, array: np.ndarray) -> np.ndarray:
    """Return the array if it has at least one entry.

    Raises
    ------
    ValueError
        The array is empty.
    """
    if not array.size:
        raise ValueError(f"{name} is empty: shape {array.shape}")
    return array


def weight_array(value: Any, rows: int) -> np.ndarray:
    """Convert the argument `r` to weights with one column for each component.

    Parameters
    ----------
    value : array_like, shape (rows, K)
        Responsibilities or other weights.
    rows : int
        Number of rows of the data.

    Returns
    -------
    ndarray of float64, shape (rows, K)

    Raises
    ------
    TypeError
        The weights are not of double precision.
    ValueError
        The weights are empty, have masked entries, or have another number of rows or axes.
    """
    r = require_entries("r", float_array("r", value, 2))
    return require_shape("r", r, (rows, r.shape[1]), "rows as in x, components")


def output_array(out: Any, expected: tuple[int, ...], *inputs: np.ndarray) -> np.ndarray:
    """Return the array in which a result is written.

    Parameters
    ----------
    out : ndarray or None
        The array that the caller supplied; None allocates a new one.
    expected : tuple of int
        Shape of the result.
    *inputs : ndarray
        Arrays that are still read while the result is written.

    Returns
    -------
    ndarray of float64
        `out` itself, or a new array.

    Raises
    ------
    TypeError
        `out` is not a plain NumPy array of float64.
    ValueError
        `out` has another shape, is not contiguous, is read-only, or shares memory with one of
        `inputs`.
    """
    if out is None:
        return np.empty(expected)
    if type(out) is not np.ndarray or out.dtype != np.float64:
        kind = out.dtype if type(out) is np.ndarray else f"a {type(out).__name__}"
        raise TypeError(f"out is {kind}; expected a NumPy array of float64")
    require_shape("out", out, expected, "the shape of the result")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(
            "out is read-only or its rows are not contiguous; create it by np.empty(shape)"
        )
    if any(np.may_share_memory(out, array) for array in inputs):
        raise ValueError("out shares memory with an argument that is read while out is written")
    return out


def _unmasked_array(name: str, value: Any) -> np.ndarray:
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name} has masked entries; the primitives cannot skip missing values: "
            "remove or fill them first"
        )
    return np.asarray(value)


def _require_axes(name: str, array: np.ndarray, ndims: tuple[int, ...]) -> None:
    if array.ndim not in ndims:
        expected = " or ".join(str(ndim) for ndim in ndims)
        raise ValueError(
            f"{name} has shape {array.shape}, expected {expected} "
            f"{'axis' if ndims == (1,) else 'axes'}"
        )

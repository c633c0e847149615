"""An array without one of its entries, in parts that do not depend on the value of that entry.

- An entry of a real or positive array, or a probability outside a simplex, does not constrain the
  other entries: these are the only part.
- A probability ψ in a row that sums to one leaves 1 - ψ to the other entries of the row. The parts
  are their shares in it, and the other rows.
- A variance or covariance constrains the rest of its matrix. For a variance, the Cholesky
  factorisation is taken with its row and column first: the variance is then the square of the first
  entry of the factor. For a covariance, its two rows and columns come first: it is then a product
  of two entries of the factor, one of which follows from the other. The parts are the remaining
  log-Cholesky coordinates, and other matrices of the array.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latentfit.em.constraints import rows_summing_to_one
from latentfit.em.information._transforms import Kind, transform_for
from latentfit.em.layout import Params


@dataclass(frozen=True)
class SplitArray:
    """An array without one of its entries.

    Attributes
    ----------
    parts : dict of ndarray
        Arrays that together with the entry determine the array, and do not depend on the entry.
    kinds : dict
        The constraint of each part.
    join : callable
        From a value of the entry and the parts to the array.
    """

    parts: Params
    kinds: dict[str, Kind]
    join: Callable[[float, Params], np.ndarray]


def split_array(array: np.ndarray, place: int, kind: Kind) -> SplitArray:
    """Separate one entry of an array from the others.

    Parameters
    ----------
    array : ndarray
        Satisfies the constraint.
    place : int
        Position of the entry in the flattened array.
    kind : str
        The constraint.
    """
    return _SPLIT[kind](array, place, kind)


def _split_elementwise(array: np.ndarray, place: int, kind: Kind) -> SplitArray:
    others = np.delete(array.ravel(), place)

    def join(value: float, parts: Params) -> np.ndarray:
        entries = parts["entries"] if parts else others
        return np.insert(entries, place, value).reshape(array.shape)

    if not others.size:
        return SplitArray({}, {}, join)
    return SplitArray({"entries": others}, {"entries": kind}, join)


def _split_simplex(array: np.ndarray, place: int, kind: Kind) -> SplitArray:
    rows = rows_summing_to_one(array)
    row, column = divmod(place, rows.shape[1])
    left = np.delete(rows[row], column)
    total = left.sum()
    shares = left / total if total > 0 else np.full(left.size, 1 / left.size)
    parts: Params = {}
    if left.size > 1:
        parts["shares"] = shares
    if len(rows) > 1:
        parts["rows"] = np.delete(rows, row, axis=0)

    def join(value: float, parts: Params) -> np.ndarray:
        own = np.insert((1 - value) * parts.get("shares", np.ones(1)), column, value)
        other_rows = parts.get("rows", rows[:0])
        return np.insert(other_rows, row, own, axis=0).reshape(array.shape)

    return SplitArray(parts, dict.fromkeys(parts, kind), join)


def _split_covariance(array: np.ndarray, place: int, kind: Kind) -> SplitArray:
    size = array.shape[-1]
    stack = array.reshape(-1, size, size)
    number, cell = divmod(place, size * size)
    i, j = divmod(cell, size)
    first = [i] if i == j else [j, i]
    order = np.array(first + [k for k in range(size) if k not in first])
    original_order = np.argsort(order)
    permuted = stack[number][np.ix_(order, order)]
    transform = transform_for(permuted, kind)
    coordinates = transform.forward(permuted)
    # With factor L, a variance is L₀₀² and a covariance L₁₀ L₀₀: the coordinate that follows from
    # the entry is log L₀₀, the first, or L₁₀, the second.
    dependent = 0 if i == j else 1
    parts: Params = {"factor": np.delete(coordinates, dependent)}
    kinds: dict[str, Kind] = {"factor": "real"}
    if len(stack) > 1:
        parts["matrices"] = np.delete(stack, number, axis=0)
        kinds["matrices"] = kind

    def join(value: float, parts: Params) -> np.ndarray:
        factor = parts["factor"]
        coordinate = np.log(value) / 2 if i == j else value / np.exp(factor[0])
        inserted = transform.backward(np.insert(factor, dependent, coordinate))
        own = inserted[np.ix_(original_order, original_order)]
        others = parts.get("matrices", stack[:0])
        return np.insert(others, number, own, axis=0).reshape(array.shape)

    return SplitArray(parts, kinds, join)


_SPLIT: dict[Kind, Callable[[np.ndarray, int, Kind], SplitArray]] = {
    "real": _split_elementwise,
    "positive": _split_elementwise,
    "probability": _split_elementwise,
    "simplex": _split_simplex,
    "covariance": _split_covariance,
}

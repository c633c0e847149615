"""Coordinates in which EM is extrapolated: whatever their values, the parameters are feasible.

EM keeps scales positive and probabilities on the simplex; a straight line through two of its
iterates does not. What an array is, is seen from its values: symmetric and positive definite
matrices have logarithms of their Cholesky factors' diagonals, probabilities log-odds or, where they
sum to one along an axis or as a whole, logarithms that are normalised on the way back, other
positive arrays logarithms. An array that only happened to be positive is taken as it is once an
iterate shows so.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from latentfit.em.degeneracy import is_simplex
from latentfit.em.layout import Layout

Kind = Literal["simplex", "columns", "table", "covariance", "probability", "positive", "real"]

# Along what an array of such a kind sums to one: its last axis, its first, or all of them.
_SUMS: dict[Kind, int | None] = {"simplex": -1, "columns": 0, "table": None}

# The logarithm of a probability that is zero, which it stays: no difference to itself.
_LEAST = 1e-300
# Steps below this share of an array's size are rounding, and not to be blown up to the others'.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class Coordinates:
    """A chart of the parameters near some values of them.

    Attributes
    ----------
    layout : Layout
    kinds : tuple of str
        For each array.
    """

    layout: Layout
    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, layout: Layout, rows: np.ndarray) -> "Coordinates":
        """The chart for flat parameters, (n, p), in all of which an array has to be of its kind."""
        return cls(layout, tuple(map(_kind, layout.unpack(rows).values())))

    def chart(self, rows: np.ndarray) -> list[np.ndarray]:
        """Flat parameters, (n, p), as one array of coordinates, (n, size), for each of theirs."""
        arrays = self.layout.unpack(rows).values()
        return [
            _forward(array, kind).reshape(len(rows), -1)
            for array, kind in zip(arrays, self.kinds, strict=True)
        ]

    def params(self, parts: list[np.ndarray]) -> np.ndarray:
        """Flat parameters, (p,), of coordinates, (size,) for each array."""
        shapes = self.layout.shapes.values()
        values = [
            np.ravel(_backward(part, shape, kind))
            for part, shape, kind in zip(parts, shapes, self.kinds, strict=True)
        ]
        flat = np.concatenate(values)
        flat.setflags(write=False)
        return flat


def units(points: list[np.ndarray], images: list[np.ndarray]) -> np.ndarray:
    """A unit for each coordinate, (q,): the latest step of its array, unless that is rounding.

    In these no array outweighs another, whatever it is measured in.
    """
    sizes = []
    for before, after in zip(points, images, strict=True):
        step = float(np.max(np.abs(after - before)))
        least = _ROUNDING * max(1.0, float(np.max(np.abs(after))))
        sizes.append(np.full(before.shape[1], max(step, least)))
    return np.concatenate(sizes)


def _kind(array: np.ndarray) -> Kind:
    if array.ndim > 1:
        for kind, axis in _SUMS.items():
            if is_simplex(_last(array, axis)):
                return kind
    if _definite(array):
        return "covariance"
    if (array >= 0).all() and (array > 0).any():
        return "probability" if (array < 1).all() else "positive"
    return "real"


def _last(array: np.ndarray, axis: int | None) -> np.ndarray:
    """Of arrays stacked along the first axis an axis of theirs moved last, or all made one."""
    if axis is None:
        return array.reshape(len(array), -1)
    return array if axis == -1 else np.moveaxis(array, axis + 1, -1)


def _definite(array: np.ndarray) -> bool:
    square = array.ndim > 2 and array.shape[-1] == array.shape[-2] > 1
    if not square or not np.allclose(array, np.swapaxes(array, -1, -2), rtol=1e-12, atol=0):
        return False
    try:
        np.linalg.cholesky(array)
    except np.linalg.LinAlgError:
        return False
    return True


def _forward(array: np.ndarray, kind: Kind) -> np.ndarray:
    if kind == "real":
        return array
    if kind == "covariance":
        factor = np.linalg.cholesky(array)
        size = np.arange(array.shape[-1])
        factor[..., size, size] = np.log(factor[..., size, size])
        return factor[(..., *np.tril_indices(len(size)))]
    logarithm: np.ndarray = np.log(np.maximum(array, _LEAST))
    return logarithm - np.log1p(-array) if kind == "probability" else logarithm


def _backward(part: np.ndarray, shape: tuple[int, ...], kind: Kind) -> np.ndarray:
    if kind == "covariance":
        size = np.arange(shape[-1])
        factor = np.zeros(shape)
        factor[(..., *np.tril_indices(len(size)))] = part.reshape(*shape[:-2], -1)
        factor[..., size, size] = np.exp(factor[..., size, size])
        return factor @ np.swapaxes(factor, -1, -2)
    array = part.reshape(shape)
    if kind == "real":
        return array
    if kind in _SUMS:
        array = array - np.max(array, axis=_SUMS[kind], keepdims=True)
    value = np.exp(array) if kind != "probability" else 1 / (1 + np.exp(-array))
    # What stood for zero is zero again, and so is what has underflowed.
    value = np.where(value <= 2 * _LEAST, 0.0, value)
    return value / np.sum(value, axis=_SUMS[kind], keepdims=True) if kind in _SUMS else value

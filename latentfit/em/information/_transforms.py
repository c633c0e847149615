"""Transforms of single arrays between the natural and the free scale, one for each constraint."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from latentfit.em.constraints import rows_summing_to_one
from latentfit.em.log_cholesky import from_log_cholesky, to_log_cholesky

Kind = Literal["real", "positive", "probability", "simplex", "covariance"]

# A probability within this distance of 0 or 1 is at the bound.
_PROBABILITY_AT_BOUND = 1e-6


@dataclass(frozen=True)
class Transform:
    """The free coordinates of arrays that are like a given one.

    Attributes
    ----------
    bounded : ndarray of bool, shape (size,)
        Coordinates along which a bound of the array's range lies at infinity.
    fixed : ndarray of bool
        Of the array's shape: entries at a bound of their range, which have no coordinate.
    forward : callable
        From an array of the same shape to its coordinates, shape (size,).
    backward : callable
        From coordinates to an array; fixed entries keep their value.
    """

    bounded: np.ndarray
    fixed: np.ndarray
    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray], np.ndarray]


def transform_for(array: np.ndarray, kind: Kind) -> Transform:
    """Return the transform for arrays with a constraint, at a given value.

    Parameters
    ----------
    array : ndarray
        Satisfies the constraint.
    kind : str
        - ``"real"``: the coordinates are the entries.
        - ``"positive"``: logarithms.
        - ``"probability"``: log-odds.
        - ``"simplex"``: log-ratios to the largest entry of each row that sums to one.
        - ``"covariance"``: log-Cholesky coordinates.
    """
    return _TRANSFORMS[kind](array)


def _real(array: np.ndarray) -> Transform:
    shape = array.shape
    return Transform(
        np.full(array.size, False), np.full(shape, False), np.ravel, lambda c: c.reshape(shape)
    )


def _positive(array: np.ndarray) -> Transform:
    free = array > 0
    return _elementwise(array, free, np.log, np.exp)


def _probability(array: np.ndarray) -> Transform:
    free = (array > _PROBABILITY_AT_BOUND) & (array < 1 - _PROBABILITY_AT_BOUND)
    return _elementwise(
        array, free, lambda p: np.log(p) - np.log1p(-p), lambda c: 1 / (1 + np.exp(-c))
    )


def _elementwise(
    array: np.ndarray,
    free: np.ndarray,
    forward: Callable[[np.ndarray], np.ndarray],
    backward: Callable[[np.ndarray], np.ndarray],
) -> Transform:
    def to_natural(coordinates: np.ndarray) -> np.ndarray:
        value = array.copy()
        value[free] = backward(coordinates)
        return value

    return Transform(np.full(free.sum(), True), ~free, lambda a: forward(a[free]), to_natural)


def _simplex(array: np.ndarray) -> Transform:
    rows = rows_summing_to_one(array)
    at_zero = rows <= _PROBABILITY_AT_BOUND
    reference = np.arange(rows.shape[1]) == rows.argmax(axis=1)[:, None]
    free = ~(at_zero | reference)
    kept = np.where(at_zero, rows, 0.0)

    def forward(values: np.ndarray) -> np.ndarray:
        logs = np.log(values.reshape(rows.shape))
        reference_logs = np.sum(np.where(reference, logs, 0.0), axis=1, keepdims=True)
        ratios: np.ndarray = (logs - reference_logs)[free]
        return ratios

    def backward(coordinates: np.ndarray) -> np.ndarray:
        logs = np.where(at_zero, -np.inf, 0.0)
        logs[free] = coordinates
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        value: np.ndarray = kept + shares * (1 - kept.sum(axis=1, keepdims=True))
        return value.reshape(array.shape)

    # Where all other entries of a row are zero, its largest entry is fixed at 1.
    at_one = reference & ~free.any(axis=1, keepdims=True)
    fixed = (at_zero | at_one).reshape(array.shape)
    return Transform(np.full(free.sum(), True), fixed, forward, backward)


def _covariance(array: np.ndarray) -> Transform:
    size = array.shape[-1]
    row, column = np.tril_indices(size)
    leading = array.shape[:-2]
    bounded = np.broadcast_to(row == column, (*leading, len(row))).ravel()

    def forward(value: np.ndarray) -> np.ndarray:
        try:
            return to_log_cholesky(value).ravel()
        except np.linalg.LinAlgError:
            return np.full(len(bounded), np.nan)

    def backward(coordinates: np.ndarray) -> np.ndarray:
        return from_log_cholesky(coordinates.reshape(*leading, -1), size)

    return Transform(bounded, np.full(array.shape, False), forward, backward)


_TRANSFORMS: dict[Kind, Callable[[np.ndarray], Transform]] = {
    "real": _real,
    "positive": _positive,
    "probability": _probability,
    "simplex": _simplex,
    "covariance": _covariance,
}

"""Constraints on parameter arrays, inferred from their values.

EM's parameters are plain arrays, without a declaration that says which of them are probabilities,
covariance matrices or scales. Extrapolation of EM and numerical differentiation need to know this,
because they have to stay inside the parameter space. This module recognises the constraint from
the values that an array takes. All functions accept stacked values, such as the iterates of a run:
a constraint is inferred only if every value satisfies it.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

Constraint = Literal["simplex", "columns", "table", "covariance", "probability", "positive", "real"]

# Axis along which an array sums to one (None: over all entries), counted without the axis along
# which its values are stacked.
SUM_AXES: dict[Constraint, int | None] = {"simplex": -1, "columns": 0, "table": None}

# Absolute tolerance for sums of probabilities: parameters may be given with few digits.
_SUM_TOLERANCE = 1e-6


def is_simplex(array: np.ndarray) -> bool:
    """Whether the entries are probabilities that sum to one along the last axis.

    Parameters
    ----------
    array : ndarray, shape (..., categories)
        With a single category the answer is no: a 1 is then more likely to be something else.
    """
    return bool(
        array.ndim
        and array.shape[-1] > 1
        and array.dtype.kind == "f"
        and (array >= 0).all()
        and (np.abs(array.sum(axis=-1) - 1) < _SUM_TOLERANCE).all()
    )


def is_covariance(array: np.ndarray, *, symmetry_tolerance: float) -> bool:
    """Whether the last two axes hold symmetric positive definite matrices, 2 by 2 at least.

    Parameters
    ----------
    array : ndarray, shape (..., size, size)
    symmetry_tolerance : float
        Largest relative difference between an entry and its mirror image.
    """
    square = array.ndim > 1 and array.shape[-1] == array.shape[-2] > 1
    if not square or not np.allclose(
        array, np.swapaxes(array, -1, -2), rtol=symmetry_tolerance, atol=0
    ):
        return False
    try:
        np.linalg.cholesky(array)
    except np.linalg.LinAlgError:
        return False
    return True


def satisfies(values: np.ndarray, constraint: Constraint, *, symmetry_tolerance: float) -> bool:
    """Whether all values of an array satisfy a constraint.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        n values of one array.
    constraint : str
        - ``"real"``: any value.
        - ``"positive"``: no entry is negative.
        - ``"probability"``: all entries lie between 0 and 1.
        - ``"simplex"``, ``"columns"``, ``"table"``: probabilities that sum to one along the last
          axis, along the first axis, or over all entries.
        - ``"covariance"``: symmetric positive definite matrices in the last two axes.
    symmetry_tolerance : float
        As in `is_covariance`.
    """
    if constraint in SUM_AXES:
        return values.ndim > 1 and is_simplex(_summed_axis_last(values, SUM_AXES[constraint]))
    if constraint == "covariance":
        return values.ndim > 2 and is_covariance(values, symmetry_tolerance=symmetry_tolerance)
    if constraint == "positive":
        return bool((values >= 0).all())
    if constraint == "probability":
        return bool(((values >= 0) & (values <= 1)).all())
    return True


def infer_constraint(
    values: np.ndarray, candidates: Sequence[Constraint], *, symmetry_tolerance: float
) -> Constraint:
    """Return the first constraint that all values of an array satisfy; ``"real"`` if none.

    Zeros alone are no evidence for a lower bound of zero, and entries of 1 are no evidence for a
    probability outside a simplex. An array of zeros is therefore real, and an array that contains
    a 1 is positive rather than a probability.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        n values of one array.
    candidates : sequence of str
        In order of precedence: the identity matrix, for example, is both a simplex and a
        covariance.
    symmetry_tolerance : float
        As in `is_covariance`.
    """
    for constraint in candidates:
        if constraint in ("positive", "probability") and not (values > 0).any():
            continue
        if constraint == "probability" and not (values < 1).all():
            continue
        if satisfies(values, constraint, symmetry_tolerance=symmetry_tolerance):
            return constraint
    return "real"


def rows_summing_to_one(array: np.ndarray) -> np.ndarray:
    """Reshape a simplex or a table to rows that each sum to one, shape (rows, categories).

    Parameters
    ----------
    array : ndarray
        Its last axis sums to one, or all of its entries together; these then are one row.
    """
    return array.reshape(-1, array.shape[-1]) if is_simplex(array) else array.reshape(1, -1)


def _summed_axis_last(values: np.ndarray, axis: int | None) -> np.ndarray:
    """Move the axis along which each of the stacked values may sum to one last."""
    if axis is None:
        return values.reshape(len(values), -1)
    return values if axis == -1 else np.moveaxis(values, axis + 1, -1)

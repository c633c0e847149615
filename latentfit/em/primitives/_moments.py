"""Counts, means and scatter under responsibilities.

    n_k = Σ_i r_ik,   m_k = Σ_i r_ik x_i / n_k,   S_k = Σ_i r_ik (x_i - m_k) (x_i - m_k)ᵀ

The mean in the scatter is that of the same responsibilities, as the maximum of Q has it.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._check import numbers, some, weights
from latentfit.em.primitives._worth import compiling


class Moments(NamedTuple):
    """Weighted moments of the data, for each component.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        Σ_i r_ik.
    means : ndarray, shape (K,) or (K, d)
        NaN where the count is 0.
    scatter : ndarray, shape of `means`, or (K, d, d)
        Weighted sum of squares about those means, of each column or of all pairs of columns.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray


def weighted_moments(r: Any, x: Any) -> Moments:
    """Counts, means and sums of squares of each column.

    Parameters
    ----------
    r : array_like, shape (n, K)
        Responsibilities, or any weights that are not negative.
    x : array_like, shape (n,) or (n, d)

    Returns
    -------
    Moments

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Shapes do not go together, or entries are masked.
    """
    x = some("x", numbers("x", x, 1, 2))
    r = weights(r, len(x))
    table = x.reshape(len(x), -1)
    if compiling(r.size * table.shape[1]):
        from latentfit.em.primitives._compiled.moments import of_columns

        counts, means, scatter = of_columns(r, table)
    else:
        counts, means, scatter = _moments(r, table, matrix=False)
    moved = (r.shape[1], *x.shape[1:])
    return Moments(counts, means.reshape(moved), scatter.reshape(moved))


def weighted_scatter(r: Any, x: Any) -> Moments:
    """Counts, mean vectors and scatter matrices.

    Parameters
    ----------
    r : array_like, shape (n, K)
        Responsibilities, or any weights that are not negative.
    x : array_like, shape (n, d)

    Returns
    -------
    Moments

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Shapes do not go together, or entries are masked.
    """
    x = some("x", numbers("x", x, 2))
    r = weights(r, len(x))
    if compiling(r.size * x.shape[1]):
        from latentfit.em.primitives._compiled.moments import of_matrices

        return Moments(*of_matrices(r, x))
    return Moments(*_moments(r, x, matrix=True))


def _moments(
    r: np.ndarray, x: np.ndarray, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    counts = r.sum(axis=0)
    with np.errstate(all="ignore"):
        means = r.T @ x / counts[:, None]
        # What rounding errors of a sum of large numbers have left.
        means += np.einsum("ik,kij->kj", r, x - means[:, None]) / counts[:, None]
        gap = x - means[:, None]
        if matrix:
            scatter = (r.T[:, :, None] * gap).mT @ gap
            # Symmetric to the last bit.
            scatter = (scatter + scatter.mT) / 2
        else:
            scatter = np.einsum("ik,kij->kj", r, gap**2)
    scatter[counts == 0] = 0
    return counts, means, scatter

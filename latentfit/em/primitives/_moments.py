"""Weighted counts, means and scatter of each component.

    n_k = Σ_i r_ik,   m_k = Σ_i r_ik x_i / n_k,   S_k = Σ_i r_ik (x_i - m_k) (x_i - m_k)ᵀ

The scatter is taken about the mean under the same responsibilities, as the maximum of Q requires.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._arguments import float_array, require_entries, weight_array
from latentfit.em.primitives._dispatch import use_compiled


class Moments(NamedTuple):
    """Weighted moments of the data under each component.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        n_k = Σ_i r_ik.
    means : ndarray, shape (K,) or (K, d)
        Weighted means m_k; NaN where the count is 0.
    scatter : ndarray, shape of `means`, or (K, d, d)
        Weighted sums of squares about the means: of each column, or of all pairs of columns.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray


def weighted_moments(r: Any, x: Any) -> Moments:
    """Compute weighted counts, means and sums of squares of each column.

    Parameters
    ----------
    r : array_like, shape (n, K)
        Responsibilities or other non-negative weights.
    x : array_like, shape (n,) or (n, d)
        Data.

    Returns
    -------
    Moments
        With `scatter` of the shape of `means`: (K,) or (K, d).

    Raises
    ------
    TypeError
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, or entries are masked.

    Notes
    -----
    In large tables the moments of blocks of rows are computed about their own means and merged
    (Chan, Golub and LeVeque 1983), so that the scatter keeps its digits if the data are large
    relative to their spread.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque (1983). Algorithms for computing the sample
    variance: analysis and recommendations. *The American Statistician* 37, 242-247.
    """
    x = require_entries("x", float_array("x", x, 1, 2))
    r = weight_array(r, len(x))
    table = x.reshape(len(x), -1)
    counts, means, scatter = _moments(r, table, matrix=False)
    shape = (r.shape[1], *x.shape[1:])
    return Moments(counts, means.reshape(shape), scatter.reshape(shape))


def weighted_scatter(r: Any, x: Any) -> Moments:
    """Compute weighted counts, mean vectors and scatter matrices.

    Parameters
    ----------
    r : array_like, shape (n, K)
        Responsibilities or other non-negative weights.
    x : array_like, shape (n, d)
        Data.

    Returns
    -------
    Moments
        With `scatter` of shape (K, d, d), exactly symmetric.

    Raises
    ------
    TypeError
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, or entries are masked.

    Notes
    -----
    In large tables the moments of blocks of rows are computed about their own means and merged
    (Chan, Golub and LeVeque 1983), so that the scatter keeps its digits if the data are large
    relative to their spread.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque (1983). Algorithms for computing the sample
    variance: analysis and recommendations. *The American Statistician* 37, 242-247.
    """
    x = require_entries("x", float_array("x", x, 2))
    r = weight_array(r, len(x))
    return Moments(*_moments(r, x, matrix=True))


def _moments(
    r: np.ndarray, x: np.ndarray, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if use_compiled(r.size * x.shape[1]):
        from latentfit.em.primitives._compiled.moments import compute_moments

        return compute_moments(r, x, matrix=matrix)
    return _moments_with_numpy(r, x, matrix=matrix)


def _moments_with_numpy(
    r: np.ndarray, x: np.ndarray, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    counts = r.sum(axis=0)
    with np.errstate(all="ignore"):
        means = r.T @ x / counts[:, None]
        # A second pass removes the rounding error of a sum of numbers that are large relative to
        # their spread.
        means += np.einsum("ik,kij->kj", r, x - means[:, None]) / counts[:, None]
        deviations = x - means[:, None]
        if matrix:
            scatter = (r.T[:, :, None] * deviations).mT @ deviations
            # Matrix multiplication rounds the two triangles differently; the result is to be
            # exactly symmetric.
            scatter = (scatter + scatter.mT) / 2
        else:
            scatter = np.einsum("ik,kij->kj", r, deviations**2)
    scatter[counts == 0] = 0
    return counts, means, scatter

"""Counts, means and scatter under responsibilities.

    n_k = Σ_i r_ik,   m_k = Σ_i r_ik x_i / n_k,   S_k = Σ_i r_ik (x_i - m_k) (x_i - m_k)ᵀ

The mean in the scatter is that of the same responsibilities, as the maximum of Q has it.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives import _blocks, _matrix_blocks
from latentfit.em.primitives._blocks import WIDE, transpose
from latentfit.em.primitives._check import numbers, shape, some
from latentfit.em.primitives._chunks import cut, spread
from latentfit.em.primitives._jit import reordered
from latentfit.em.primitives._matrix_blocks import WIDTH


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
    r, x = _weighted(r, x, 1, 2)
    table = x.reshape(len(x), -1)
    chunks, size = cut(len(x))
    parts = zeros(chunks, r.shape[1], table.shape[1], matrix=False)
    spread(_column_kernel, chunks, 2 * r.size * table.shape[1], r, table, size, *parts)
    counts, means, scatter = merged(*parts)
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
    r, x = _weighted(r, x, 2)
    chunks, size = cut(len(x))
    parts = zeros(chunks, r.shape[1], x.shape[1], matrix=True)
    spread(_matrix_kernel, chunks, r.size * x.shape[1] ** 2 / 2, r, x, size, *parts)
    return Moments(*merged(*parts))


def zeros(
    chunks: int, components: int, columns: int, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moments of no rows yet, for each chunk."""
    means = np.zeros((chunks, components, columns))
    scatter = np.zeros((*means.shape, columns) if matrix else means.shape)
    return np.zeros((chunks, components)), means, scatter


def merged(
    counts: np.ndarray, means: np.ndarray, scatter: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moments of all chunks from those of each, in the order of the chunks."""
    with np.errstate(invalid="ignore"):
        n = counts.sum(axis=0)
        mean = np.einsum("ck,ckj->kj", counts, means) / n[:, None]
    if len(counts) == 1:
        return n, mean, scatter[0]
    gap = means - mean
    weighted = counts[:, :, None] * gap
    if scatter.ndim == 3:
        return n, mean, scatter.sum(axis=0) + (weighted * gap).sum(axis=0)
    between = np.einsum("cki,ckj->kij", weighted, gap)
    # Symmetric to the last bit, as the scatter of each chunk is.
    return n, mean, scatter.sum(axis=0) + (between + between.mT) / 2


def _weighted(r: Any, x: Any, *ndims: int) -> tuple[np.ndarray, np.ndarray]:
    x = some("x", numbers("x", x, *ndims))
    r = some("r", numbers("r", r, 2))
    return shape("r", r, (len(x), r.shape[1]), "rows as in x, and components"), x


@reordered
def _column_kernel(
    first: int,
    last: int,
    r: np.ndarray,
    x: np.ndarray,
    size: int,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
) -> None:
    n, d = x.shape
    block, weights = np.empty((d, WIDE)), np.empty((r.shape[1], WIDE))
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            transpose(x, begin, rows, block)
            transpose(r, begin, rows, weights)
            _blocks.moments(weights, block, rows, counts[chunk], means[chunk], scatter[chunk])


@reordered
def _matrix_kernel(
    first: int,
    last: int,
    r: np.ndarray,
    x: np.ndarray,
    size: int,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
) -> None:
    n, d = x.shape
    padded = -(-d // WIDTH) * WIDTH
    block, weights = np.empty((d, WIDE)), np.empty((r.shape[1], WIDE))
    gap, u, product = np.zeros((padded, WIDE)), np.empty(WIDE), np.empty((d + 1, padded))
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            transpose(x, begin, rows, block)
            transpose(r, begin, rows, weights)
            _matrix_blocks.moments(
                weights, block, rows, gap, u, product, counts[chunk], means[chunk], scatter[chunk]
            )

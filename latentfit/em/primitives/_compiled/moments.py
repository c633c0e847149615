"""Moments of chunks of rows, and of all from those of each."""

import numpy as np

from latentfit.em.primitives._compiled import blocks, matrix_blocks
from latentfit.em.primitives._compiled.blocks import WIDE, transpose
from latentfit.em.primitives._compiled.chunks import cut, spread
from latentfit.em.primitives._compiled.jit import reordered
from latentfit.em.primitives._compiled.matrix_blocks import WIDTH


def of_columns(r: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, means and sums of squares of each column."""
    chunks, size = cut(len(x))
    parts = zeros(chunks, r.shape[1], x.shape[1], matrix=False)
    spread(_column_kernel, chunks, 2 * r.size * x.shape[1], r, x, size, *parts)
    return merged(*parts)


def of_matrices(r: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, mean vectors and scatter matrices."""
    chunks, size = cut(len(x))
    parts = zeros(chunks, r.shape[1], x.shape[1], matrix=True)
    spread(_matrix_kernel, chunks, r.size * x.shape[1] ** 2 / 2, r, x, size, *parts)
    return merged(*parts)


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
            blocks.moments(weights, block, rows, counts[chunk], means[chunk], scatter[chunk])


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
            matrix_blocks.moments(
                weights, block, rows, gap, u, product, counts[chunk], means[chunk], scatter[chunk]
            )

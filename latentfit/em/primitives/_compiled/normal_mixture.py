"""From log densities through responsibilities to moments, a block of rows at a time."""

import numpy as np

from latentfit.em.primitives._compiled import blocks, matrix_blocks
from latentfit.em.primitives._compiled.blocks import NARROW, WIDE, softmax, transpose
from latentfit.em.primitives._compiled.chunks import cut, spread
from latentfit.em.primitives._compiled.jit import reordered
from latentfit.em.primitives._compiled.matrix_blocks import inverses
from latentfit.em.primitives._compiled.moments import merged, zeros


def of_columns(
    x: np.ndarray, mu: np.ndarray, root: np.ndarray, constant: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Counts, means and sums of squares of each column, and the log-likelihood."""
    chunks, size = cut(len(x))
    parts, heights = zeros(chunks, *mu.shape, matrix=False), np.zeros(chunks)
    work = len(x) * (8 * len(mu) + 4 * mu.size)
    spread(_column_kernel, chunks, work, x, size, mu, root, constant, *parts, heights)
    return *merged(*parts), float(heights.sum())


def of_matrices(
    x: np.ndarray,
    mu: np.ndarray,
    L: np.ndarray,  # noqa: N803
    constant: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Counts, mean vectors and scatter matrices, and the log-likelihood."""
    chunks, size = cut(len(x))
    parts, heights = zeros(chunks, *mu.shape, matrix=True), np.zeros(chunks)
    work = len(x) * mu.size * mu.shape[1]
    spread(_matrix_kernel, chunks, work, x, size, mu, inverses(L), constant, *parts, heights)
    return *merged(*parts), float(heights.sum())


@reordered
def _column_kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    mu: np.ndarray,
    root: np.ndarray,
    constant: np.ndarray,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
    heights: np.ndarray,
) -> None:
    n, d = x.shape
    block, v = np.empty((d, NARROW)), np.empty((len(mu), NARROW))
    largest, total = np.empty(NARROW), np.empty(NARROW)
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, NARROW):
            rows = min(NARROW, end - begin)
            transpose(x, begin, rows, block)
            for k in range(len(mu)):
                blocks.log_density(block, mu[k], root[k], constant[k], rows, v[k])
            heights[chunk] += softmax(v, rows, largest, total)
            blocks.moments(v, block, rows, counts[chunk], means[chunk], scatter[chunk])


@reordered
def _matrix_kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    mu: np.ndarray,
    inverse: np.ndarray,
    constant: np.ndarray,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
    heights: np.ndarray,
) -> None:
    n, d = x.shape
    padded = inverse.shape[2]
    block, v = np.empty((d, WIDE)), np.empty((len(mu), WIDE))
    largest, total = np.empty(WIDE), np.empty(WIDE)
    gap, product = np.zeros((padded, WIDE)), np.empty((d + 1, padded))
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            transpose(x, begin, rows, block)
            for k in range(len(mu)):
                matrix_blocks.log_density(
                    block, mu[k], inverse[k], constant[k], rows, gap, total, v[k]
                )
            heights[chunk] += softmax(v, rows, largest, total)
            matrix_blocks.moments(
                v, block, rows, gap, total, product, counts[chunk], means[chunk], scatter[chunk]
            )

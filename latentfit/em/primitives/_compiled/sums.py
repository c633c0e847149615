"""Sums over chunks of rows, and over all."""

import numpy as np

from latentfit.em.primitives._compiled import blocks, matrix_blocks
from latentfit.em.primitives._compiled.blocks import WIDE, transpose
from latentfit.em.primitives._compiled.chunks import cut, spread
from latentfit.em.primitives._compiled.jit import reordered
from latentfit.em.primitives._compiled.matrix_blocks import WIDTH
from latentfit.em.primitives._compiled.moments import zeros


def of_all(
    r: np.ndarray, x: np.ndarray, about: np.ndarray, *, products: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Σ r, Σ r (x - a), and Σ r (x - a)² of each column or Σ r (x - a) (x - a)ᵀ."""
    chunks, size = cut(len(x))
    counts, first, second = zeros(chunks, *about.shape, matrix=products)
    kernel = _matrix_kernel if products else _column_kernel
    work = r.size * (x.shape[1] ** 2 / 2 if products else 2 * x.shape[1])
    spread(kernel, chunks, work, r, x, about, size, counts, first, second)
    return counts.sum(axis=0), first.sum(axis=0), second.sum(axis=0)


@reordered
def _column_kernel(
    begin: int,
    end: int,
    r: np.ndarray,
    x: np.ndarray,
    about: np.ndarray,
    size: int,
    counts: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    n, d = x.shape
    block, weights = np.empty((d, WIDE)), np.empty((r.shape[1], WIDE))
    for chunk in range(begin, end):
        last = min(n, (chunk + 1) * size)
        for row in range(chunk * size, last, WIDE):
            rows = min(WIDE, last - row)
            transpose(x, row, rows, block)
            transpose(r, row, rows, weights)
            blocks.sums(weights, block, rows, about, counts[chunk], first[chunk], second[chunk])


@reordered
def _matrix_kernel(
    begin: int,
    end: int,
    r: np.ndarray,
    x: np.ndarray,
    about: np.ndarray,
    size: int,
    counts: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    n, d = x.shape
    padded = -(-d // WIDTH) * WIDTH
    block, weights = np.empty((d, WIDE)), np.empty((r.shape[1], WIDE))
    gap, u, product = np.zeros((padded, WIDE)), np.empty(WIDE), np.empty((d, padded))
    for chunk in range(begin, end):
        last = min(n, (chunk + 1) * size)
        for row in range(chunk * size, last, WIDE):
            rows = min(WIDE, last - row)
            transpose(x, row, rows, block)
            transpose(r, row, rows, weights)
            matrix_blocks.sums(
                weights,
                block,
                rows,
                about,
                gap,
                u,
                product,
                counts[chunk],
                first[chunk],
                second[chunk],
            )

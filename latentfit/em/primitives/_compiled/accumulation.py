"""Weighted moments or weighted sums of each chunk of rows, in one pass over the data.

One kernel computes four statistics. The types of two arguments determine which: `about` is None
for moments, and an array of centres for sums; `second` has four axes for all pairs of columns,
and three axes for each column alone. Numba knows these types when it compiles and removes the
branches that do not apply, so that the loop over the rows contains no test.

The functions on blocks are neither passed to the kernel nor captured by a closure that a factory
returns. Numba 0.68 compiles both variants, but does not find them in its cache in a new process:
what it compares contains an identifier of the function that differs between processes.
"""

import numpy as np

from latentfit.em.primitives._compiled import blocks, matrix_blocks
from latentfit.em.primitives._compiled.blocks import BLOCK_ROWS, load_block
from latentfit.em.primitives._compiled.chunks import run_chunks, split_rows
from latentfit.em.primitives._compiled.jit import jit_reassociate
from latentfit.em.primitives._compiled.matrix_blocks import COLUMN_UNIT


def accumulate(
    r: np.ndarray, x: np.ndarray, about: np.ndarray | None, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the statistics of each chunk.

    Parameters
    ----------
    r : ndarray, shape (n, K)
        Weights.
    x : ndarray, shape (n, d)
        Data.
    about : ndarray, shape (K, d), or None
        Centres of the sums; None computes moments about the mean of each chunk.
    matrix : bool
        Whether to sum the products of all pairs of columns instead of the squares of each column.

    Returns
    -------
    counts : ndarray, shape (chunks, K)
    first : ndarray, shape (chunks, K, d)
        Means if `about` is None, and weighted sums otherwise.
    second : ndarray, shape (chunks, K, d, d) if `matrix`, otherwise (chunks, K, d)
        Sums of squares or products about the means or about the centres.
    """
    chunks, size = split_rows(len(x))
    columns = x.shape[1]
    statistics = zero_statistics(chunks, r.shape[1], columns, matrix=matrix)
    operations = r.size * (columns**2 / 2 if matrix else 2 * columns)
    run_chunks(_kernel, chunks, operations, r, x, size, about, *statistics)
    return statistics


def zero_statistics(
    chunks: int, components: int, columns: int, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Allocate counts, first and second statistics of every chunk, all zero."""
    first = np.zeros((chunks, components, columns))
    second = np.zeros((*first.shape, columns) if matrix else first.shape)
    return np.zeros((chunks, components)), first, second


@jit_reassociate
def _kernel(
    first_chunk: int,
    last_chunk: int,
    r: np.ndarray,
    x: np.ndarray,
    size: int,
    about: np.ndarray | None,
    counts: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    n, d = x.shape
    padded = -(-d // COLUMN_UNIT) * COLUMN_UNIT
    block, weights = np.empty((d, BLOCK_ROWS)), np.empty((r.shape[1], BLOCK_ROWS))
    deviations, row_buffer = np.zeros((padded, BLOCK_ROWS)), np.empty(BLOCK_ROWS)
    products = np.empty((d + 1, padded))
    for chunk in range(first_chunk, last_chunk):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, BLOCK_ROWS):
            rows = min(BLOCK_ROWS, end - begin)
            load_block(x, begin, rows, block)
            load_block(r, begin, rows, weights)
            if second.ndim == 3:
                if about is None:
                    blocks.add_moments(
                        weights, block, rows, counts[chunk], first[chunk], second[chunk]
                    )
                else:
                    blocks.add_sums(
                        weights, block, rows, about, counts[chunk], first[chunk], second[chunk]
                    )
            elif about is None:
                matrix_blocks.add_moments(
                    weights,
                    block,
                    rows,
                    deviations,
                    row_buffer,
                    products,
                    counts[chunk],
                    first[chunk],
                    second[chunk],
                )
            else:
                matrix_blocks.add_sums(
                    weights,
                    block,
                    rows,
                    about,
                    deviations,
                    row_buffer,
                    products,
                    counts[chunk],
                    first[chunk],
                    second[chunk],
                )

"""Log probabilities and expected counts of the category codes of all rows."""

import numpy as np

from latentfit.em.primitives._compiled.blocks import BLOCK_ROWS, load_block
from latentfit.em.primitives._compiled.chunks import run_chunks, split_rows
from latentfit.em.primitives._compiled.code_blocks import (
    add_counts,
    add_counts_of_item,
    add_log_probabilities,
    fill_log_probabilities_of_item,
    load_codes,
)
from latentfit.em.primitives._compiled.jit import jit_reassociate


def fill_log_probabilities(x: np.ndarray, log_p: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Fill Σ_j log p_kj(x_ij), shape (n, K); return rows with a code out of range.

    `x` has the shape (n, J), `log_p` the shape (J, C, K). At most one bad row of each chunk is
    returned, in increasing order; if there is one, `out` is incomplete.
    """
    chunks, size = split_rows(len(x))
    bad_rows = np.full(chunks, -1)
    operations = out.size * x.shape[1]
    run_chunks(_log_probability_kernel, chunks, operations, x, size, log_p, out, bad_rows)
    return bad_rows[bad_rows >= 0]


def count_categories(
    r: np.ndarray, x: np.ndarray, categories: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute expected counts, shape (K, J, C); return them and rows with a code out of range.

    `r` has the shape (n, K), `x` the shape (n, J). At most one bad row of each chunk is returned,
    in increasing order; if there is one, the counts are incomplete.
    """
    chunks, size = split_rows(len(x))
    counts = np.zeros((chunks, x.shape[1], categories, r.shape[1]))
    bad_rows = np.full(chunks, -1)
    run_chunks(_count_kernel, chunks, 2 * r.size * x.shape[1], r, x, size, counts, bad_rows)
    return merge_counts(counts), bad_rows[bad_rows >= 0]


def merge_counts(counts: np.ndarray) -> np.ndarray:
    """Add the counts of all chunks, (chunks, J, C, K), and move the component to the first axis."""
    return np.ascontiguousarray(np.moveaxis(counts.sum(axis=0), -1, 0))


@jit_reassociate
def _log_probability_kernel(
    first_chunk: int,
    last_chunk: int,
    x: np.ndarray,
    size: int,
    log_p: np.ndarray,
    out: np.ndarray,
    bad_rows: np.ndarray,
) -> None:
    n, items = x.shape
    categories, components = log_p.shape[1:]
    block, v = np.empty((items, BLOCK_ROWS), np.int64), np.empty((components, BLOCK_ROWS))
    for chunk in range(first_chunk, last_chunk):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, BLOCK_ROWS):
            rows = min(BLOCK_ROWS, end - begin)
            bad_rows[chunk] = load_codes(x, begin, rows, categories, block)
            if bad_rows[chunk] >= 0:
                return
            if items == 1:
                fill_log_probabilities_of_item(block[0], rows, log_p[0], out[begin : begin + rows])
                continue
            v[:] = 0.0
            add_log_probabilities(block, rows, log_p, v)
            for i in range(rows):
                for k in range(components):
                    out[begin + i, k] = v[k, i]


@jit_reassociate
def _count_kernel(
    first_chunk: int,
    last_chunk: int,
    r: np.ndarray,
    x: np.ndarray,
    size: int,
    counts: np.ndarray,
    bad_rows: np.ndarray,
) -> None:
    n, items = x.shape
    block, weights = np.empty((items, BLOCK_ROWS), np.int64), np.empty((r.shape[1], BLOCK_ROWS))
    for chunk in range(first_chunk, last_chunk):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, BLOCK_ROWS):
            rows = min(BLOCK_ROWS, end - begin)
            bad_rows[chunk] = load_codes(x, begin, rows, counts.shape[2], block)
            if bad_rows[chunk] >= 0:
                return
            if items == 1:
                add_counts_of_item(r[begin : begin + rows], block[0], rows, counts[chunk, 0])
                continue
            load_block(r, begin, rows, weights)
            add_counts(weights, block, rows, counts[chunk])

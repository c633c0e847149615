"""Expected counts of latent class models: responsibilities and counts of each block of rows."""

import numpy as np

from latentfit.em.primitives._compiled.blocks import BLOCK_ROWS, softmax
from latentfit.em.primitives._compiled.categorical import merge_counts
from latentfit.em.primitives._compiled.chunks import run_chunks, split_rows
from latentfit.em.primitives._compiled.code_blocks import (
    add_counts,
    add_log_probabilities,
    load_codes,
)
from latentfit.em.primitives._compiled.jit import jit_reassociate


def expected_counts(
    x: np.ndarray, log_w: np.ndarray, log_p: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """Compute class counts, category counts and the log-likelihood; find codes out of range.

    `x` has the shape (n, J), `log_w` (K,), `log_p` (J, C, K); the class counts have the shape
    (K,), the category counts (K, J, C). The last result holds rows with a code out of range, at
    most one of each chunk, in increasing order; if there is one, the counts are incomplete.
    """
    items, categories, classes = log_p.shape
    chunks, size = split_rows(len(x))
    counts, log_likelihoods = np.zeros((chunks, classes)), np.zeros(chunks)
    category_counts = np.zeros((chunks, items, categories, classes))
    bad_rows = np.full(chunks, -1)
    results = counts, category_counts, log_likelihoods, bad_rows
    run_chunks(_kernel, chunks, 2 * x.size * classes, x, size, log_w, log_p, *results)
    return (
        counts.sum(axis=0),
        merge_counts(category_counts),
        float(log_likelihoods.sum()),
        bad_rows[bad_rows >= 0],
    )


@jit_reassociate
def _kernel(
    first_chunk: int,
    last_chunk: int,
    x: np.ndarray,
    size: int,
    log_w: np.ndarray,
    log_p: np.ndarray,
    counts: np.ndarray,
    category_counts: np.ndarray,
    log_likelihoods: np.ndarray,
    bad_rows: np.ndarray,
) -> None:
    n, items = x.shape
    classes = len(log_w)
    block, v = np.empty((items, BLOCK_ROWS), np.int64), np.empty((classes, BLOCK_ROWS))
    maxima, totals = np.empty(BLOCK_ROWS), np.empty(BLOCK_ROWS)
    for chunk in range(first_chunk, last_chunk):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, BLOCK_ROWS):
            rows = min(BLOCK_ROWS, end - begin)
            bad_rows[chunk] = load_codes(x, begin, rows, log_p.shape[1], block)
            if bad_rows[chunk] >= 0:
                return
            for k in range(classes):
                for i in range(rows):
                    v[k, i] = log_w[k]
            add_log_probabilities(block, rows, log_p, v)
            log_likelihoods[chunk] += softmax(v, rows, maxima, totals)
            add_counts(v, block, rows, category_counts[chunk])
            for k in range(classes):
                weight = 0.0
                for i in range(rows):
                    weight += v[k, i]
                counts[chunk, k] += weight

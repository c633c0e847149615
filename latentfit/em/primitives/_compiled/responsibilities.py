"""Responsibilities and log-likelihood of all rows."""

import numpy as np

from latentfit.em.primitives._compiled.blocks import LONG_BLOCK_ROWS, load_block, softmax
from latentfit.em.primitives._compiled.chunks import run_chunks, split_rows
from latentfit.em.primitives._compiled.jit import jit_reassociate


def fill_responsibilities(log_joint: np.ndarray, r: np.ndarray) -> float:
    """Fill responsibilities from log joint densities, both (n, K); return the log-likelihood."""
    chunks, size = split_rows(len(log_joint))
    log_likelihoods = np.zeros(chunks)
    run_chunks(_kernel, chunks, 8 * log_joint.size, log_joint, size, r, log_likelihoods)
    return float(log_likelihoods.sum())


@jit_reassociate
def _kernel(
    first_chunk: int,
    last_chunk: int,
    log_joint: np.ndarray,
    size: int,
    r: np.ndarray,
    log_likelihoods: np.ndarray,
) -> None:
    n, components = log_joint.shape
    v = np.empty((components, LONG_BLOCK_ROWS))
    maxima, totals = np.empty(LONG_BLOCK_ROWS), np.empty(LONG_BLOCK_ROWS)
    for chunk in range(first_chunk, last_chunk):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, LONG_BLOCK_ROWS):
            rows = min(LONG_BLOCK_ROWS, end - begin)
            load_block(log_joint, begin, rows, v)
            log_likelihoods[chunk] += softmax(v, rows, maxima, totals)
            for i in range(rows):
                for k in range(components):
                    r[begin + i, k] = v[k, i]

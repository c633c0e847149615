"""Moments of normal mixtures: log densities, responsibilities and moments of each block of rows."""

import numpy as np

from latentfit.em.primitives._compiled import blocks, matrix_blocks
from latentfit.em.primitives._compiled.accumulation import zero_statistics
from latentfit.em.primitives._compiled.blocks import (
    BLOCK_ROWS,
    LONG_BLOCK_ROWS,
    load_block,
    softmax,
)
from latentfit.em.primitives._compiled.chunks import run_chunks, split_rows
from latentfit.em.primitives._compiled.jit import jit_reassociate
from latentfit.em.primitives._compiled.matrix_blocks import COLUMN_UNIT, inverse_factors
from latentfit.em.primitives._compiled.moments import merge_moments


def independent_mixture_moments(
    x: np.ndarray, mu: np.ndarray, inverse_sigma: np.ndarray, log_constant: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Compute counts (K,), means and sums of squares (K, d), and the log-likelihood.

    `x` has the shape (n, d), `mu` and `inverse_sigma` (K, d), `log_constant` (K,); the last
    includes the log weights.
    """
    operations = len(x) * (8 * len(mu) + 4 * mu.size)
    return _mixture_moments(x, mu, inverse_sigma, log_constant, operations)


def multivariate_mixture_moments(
    x: np.ndarray,
    mu: np.ndarray,
    L: np.ndarray,  # noqa: N803
    log_constant: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Compute counts (K,), mean vectors (K, d), scatter (K, d, d), and the log-likelihood.

    `x` has the shape (n, d), `mu` (K, d), `L` (K, d, d), `log_constant` (K,); the last includes
    the log weights.
    """
    operations = len(x) * mu.size * mu.shape[1]
    return _mixture_moments(x, mu, inverse_factors(L), log_constant, operations)


def _mixture_moments(
    x: np.ndarray, mu: np.ndarray, inverse: np.ndarray, log_constant: np.ndarray, operations: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    chunks, size = split_rows(len(x))
    moments = zero_statistics(chunks, *mu.shape, matrix=inverse.ndim == 3)
    log_likelihoods = np.zeros(chunks)
    arguments = x, size, mu, inverse, log_constant, *moments, log_likelihoods
    run_chunks(_kernel, chunks, operations, *arguments)
    return *merge_moments(*moments), float(log_likelihoods.sum())


@jit_reassociate
def _kernel(
    first_chunk: int,
    last_chunk: int,
    x: np.ndarray,
    size: int,
    mu: np.ndarray,
    inverse: np.ndarray,
    log_constant: np.ndarray,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
    log_likelihoods: np.ndarray,
) -> None:
    # `inverse` has two axes for 1 / σ, and three for inverse Cholesky factors. Numba knows the
    # number of axes when it compiles and removes the branches that do not apply.
    n, d = x.shape
    padded = -(-d // COLUMN_UNIT) * COLUMN_UNIT
    block_rows = LONG_BLOCK_ROWS if inverse.ndim == 2 else BLOCK_ROWS
    block, v = np.empty((d, block_rows)), np.empty((len(mu), block_rows))
    maxima, totals = np.empty(block_rows), np.empty(block_rows)
    deviations, products = np.zeros((padded, block_rows)), np.empty((d + 1, padded))
    for chunk in range(first_chunk, last_chunk):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, block_rows):
            rows = min(block_rows, end - begin)
            load_block(x, begin, rows, block)
            for k in range(len(mu)):
                if inverse.ndim == 2:
                    blocks.log_density(block, mu[k], inverse[k], log_constant[k], rows, v[k])
                else:
                    matrix_blocks.log_density(
                        block, mu[k], inverse[k], log_constant[k], rows, deviations, totals, v[k]
                    )
            log_likelihoods[chunk] += softmax(v, rows, maxima, totals)
            if inverse.ndim == 2:
                blocks.add_moments(v, block, rows, counts[chunk], means[chunk], scatter[chunk])
            else:
                matrix_blocks.add_moments(
                    v,
                    block,
                    rows,
                    deviations,
                    totals,
                    products,
                    counts[chunk],
                    means[chunk],
                    scatter[chunk],
                )

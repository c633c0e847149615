"""Log densities of all rows under normal components."""

import numpy as np

from latentfit.em.primitives._compiled import blocks, matrix_blocks
from latentfit.em.primitives._compiled.blocks import BLOCK_ROWS, load_block
from latentfit.em.primitives._compiled.chunks import run_chunks, split_rows
from latentfit.em.primitives._compiled.jit import jit_reassociate
from latentfit.em.primitives._compiled.matrix_blocks import COLUMN_UNIT, inverse_factors


def fill_log_normal(
    x: np.ndarray,
    mu: np.ndarray,
    inverse_sigma: np.ndarray,
    log_constant: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill log_constant_k - Σ_j ((x_ij - μ_kj) / σ_kj)² / 2, shape (n, K).

    `x` has the shape (n, d), `mu` and `inverse_sigma` (K, d), `log_constant` (K,).
    """
    chunks, size = split_rows(len(x))
    operations = out.size * x.shape[1]
    run_chunks(_kernel, chunks, operations, x, size, mu, inverse_sigma, log_constant, out)


def fill_log_multivariate_normal(
    x: np.ndarray,
    mu: np.ndarray,
    L: np.ndarray,  # noqa: N803
    log_constant: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill log_constant_k - |L_k⁻¹ (x_i - μ_k)|² / 2, shape (n, K).

    `x` has the shape (n, d), `mu` (K, d), `L` (K, d, d), `log_constant` (K,).
    """
    chunks, size = split_rows(len(x))
    operations = out.size * x.shape[1] ** 2 / 2
    run_chunks(_kernel, chunks, operations, x, size, mu, inverse_factors(L), log_constant, out)


@jit_reassociate
def _kernel(
    first_chunk: int,
    last_chunk: int,
    x: np.ndarray,
    size: int,
    mu: np.ndarray,
    inverse: np.ndarray,
    log_constant: np.ndarray,
    out: np.ndarray,
) -> None:
    # `inverse` has two axes for 1 / σ, and three for inverse Cholesky factors. Numba knows the
    # number of axes when it compiles and removes the branch that does not apply.
    n, d = x.shape
    padded = -(-d // COLUMN_UNIT) * COLUMN_UNIT
    block, v = np.empty((d, BLOCK_ROWS)), np.empty(BLOCK_ROWS)
    deviations, row_buffer = np.zeros((padded, BLOCK_ROWS)), np.empty(BLOCK_ROWS)
    for begin in range(first_chunk * size, min(n, last_chunk * size), BLOCK_ROWS):
        rows = min(BLOCK_ROWS, n - begin)
        load_block(x, begin, rows, block)
        for k in range(len(mu)):
            if inverse.ndim == 2:
                blocks.log_density(block, mu[k], inverse[k], log_constant[k], rows, v)
            else:
                matrix_blocks.log_density(
                    block, mu[k], inverse[k], log_constant[k], rows, deviations, row_buffer, v
                )
            for i in range(rows):
                out[begin + i, k] = v[i]

"""Log densities of blocks of rows under normal components."""

import numpy as np

from latentfit.em.primitives._compiled import blocks, matrix_blocks
from latentfit.em.primitives._compiled.blocks import WIDE, transpose
from latentfit.em.primitives._compiled.chunks import cut, spread
from latentfit.em.primitives._compiled.jit import reordered
from latentfit.em.primitives._compiled.matrix_blocks import inverses


def log_columns(
    x: np.ndarray, mu: np.ndarray, root: np.ndarray, constant: np.ndarray, out: np.ndarray
) -> None:
    """constant - |(x - μ) root|² / 2, of independent columns."""
    chunks, size = cut(len(x))
    spread(_column_kernel, chunks, out.size * x.shape[1], x, size, mu, root, constant, out)


def log_matrices(
    x: np.ndarray,
    mu: np.ndarray,
    L: np.ndarray,  # noqa: N803
    constant: np.ndarray,
    out: np.ndarray,
) -> None:
    """constant - |L⁻¹ (x - μ)|² / 2."""
    chunks, size = cut(len(x))
    work = out.size * x.shape[1] ** 2 / 2
    spread(_matrix_kernel, chunks, work, x, size, mu, inverses(L), constant, out)


@reordered
def _column_kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    mu: np.ndarray,
    root: np.ndarray,
    constant: np.ndarray,
    out: np.ndarray,
) -> None:
    n, d = x.shape
    block, v = np.empty((d, WIDE)), np.empty(WIDE)
    for begin in range(first * size, min(n, last * size), WIDE):
        rows = min(WIDE, n - begin)
        transpose(x, begin, rows, block)
        for k in range(len(mu)):
            blocks.log_density(block, mu[k], root[k], constant[k], rows, v)
            for i in range(rows):
                out[begin + i, k] = v[i]


@reordered
def _matrix_kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    mu: np.ndarray,
    inverse: np.ndarray,
    constant: np.ndarray,
    out: np.ndarray,
) -> None:
    n, d = x.shape
    block, gap = np.empty((d, WIDE)), np.zeros((inverse.shape[2], WIDE))
    u, v = np.empty(WIDE), np.empty(WIDE)
    for begin in range(first * size, min(n, last * size), WIDE):
        rows = min(WIDE, n - begin)
        transpose(x, begin, rows, block)
        for k in range(len(mu)):
            matrix_blocks.log_density(block, mu[k], inverse[k], constant[k], rows, gap, u, v)
            for i in range(rows):
                out[begin + i, k] = v[i]

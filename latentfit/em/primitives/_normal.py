"""Log densities of normal components.

    log N(x; μ, diag σ²) = -(d/2) log 2π - Σ_j log σ_j - Σ_j ((x_j - μ_j) / σ_j)² / 2
    log N(x; μ, L Lᵀ)    = -(d/2) log 2π - log |L| - |L⁻¹ (x - μ)|² / 2

The second needs the inverse of a triangular matrix for each component, once, and half a product of
a matrix and a vector for each row.
"""

import math
from typing import Any

import numpy as np

from latentfit.em.primitives import _blocks, _matrix_blocks
from latentfit.em.primitives._blocks import WIDE, transpose
from latentfit.em.primitives._check import numbers, room, shape, some
from latentfit.em.primitives._chunks import cut, spread
from latentfit.em.primitives._jit import reordered
from latentfit.em.primitives._matrix_blocks import WIDTH, inverses


def log_normal(x: Any, mu: Any, sigma: Any, *, out: Any = None) -> np.ndarray:
    """log N(x_i; μ_k, σ_k²) of every row and component; columns are independent.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
    mu : array_like, shape (K,) or (K, d)
        Means.
    sigma : array_like, shape of `mu`
        Standard deviations.
    out : ndarray, shape (n, K), optional
        Where the result is written: float64, contiguous. By default a new array is.

    Returns
    -------
    ndarray, shape (n, K)
        Natural logarithm.

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Shapes do not go together, entries are masked, or `out` cannot be written to.
    """
    x, mu, root, constant = columns(x, mu, sigma)
    out = room(out, (len(x), len(mu)), x, mu)
    chunks, size = cut(len(x))
    spread(_column_kernel, chunks, out.size * x.shape[1], x, size, mu, root, constant, out)
    return out


def log_multivariate_normal(
    x: Any,
    mu: Any,
    L: Any,  # noqa: N803
    *,
    out: Any = None,
) -> np.ndarray:
    """log N(x_i; μ_k, L_k L_kᵀ) of every row and component.

    Parameters
    ----------
    x : array_like, shape (n, d)
    mu : array_like, shape (K, d)
        Means.
    L : array_like, shape (K, d, d) or (d, d)
        Lower Cholesky factors of the covariances, or of one that is common to all. What stands
        above the diagonal is not read.
    out : ndarray, shape (n, K), optional
        Where the result is written: float64, contiguous. By default a new array is.

    Returns
    -------
    ndarray, shape (n, K)
        Natural logarithm.

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Shapes do not go together, entries are masked, or `out` cannot be written to.
    """
    x, mu, inverse, constant = matrices(x, mu, L)
    out = room(out, (len(x), len(mu)), x, mu)
    chunks, size = cut(len(x))
    work = out.size * x.shape[1] ** 2 / 2
    spread(_matrix_kernel, chunks, work, x, size, mu, inverse, constant, out)
    return out


def columns(x: Any, mu: Any, sigma: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Data and means with two axes, 1 / σ, and what of log N does not depend on x."""
    x = some("x", numbers("x", x, 1, 2))
    mu = some("mu", numbers("mu", mu, x.ndim))
    shape("mu", mu, (len(mu), *x.shape[1:]), "components, and columns as in x")
    sigma = shape("sigma", numbers("sigma", sigma, x.ndim), mu.shape, "that of mu")
    x, mu, sigma = (array.reshape(len(array), -1) for array in (x, mu, sigma))
    with np.errstate(all="ignore"):
        constant = -0.5 * x.shape[1] * math.log(2 * math.pi) - np.log(sigma).sum(axis=1)
        return x, mu, 1 / sigma, constant


def matrices(
    x: Any,
    mu: Any,
    L: Any,  # noqa: N803
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Data, means, L⁻¹ with padded columns, and what of log N does not depend on x."""
    x = some("x", numbers("x", x, 2))
    d = x.shape[1]
    mu = some("mu", numbers("mu", mu, 2))
    shape("mu", mu, (len(mu), d), "components, and columns as in x")
    L = numbers("L", L, 2, 3)
    if L.ndim == 2:
        L = np.broadcast_to(shape("L", L, (d, d), "columns twice"), (len(mu), d, d))
    shape("L", L, (len(mu), d, d), "components, and columns twice")
    inverse = np.zeros((len(mu), d, -(-d // WIDTH) * WIDTH))
    inverses(np.ascontiguousarray(L), inverse)
    with np.errstate(all="ignore"):
        log_det = np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
    return x, mu, inverse, -0.5 * d * math.log(2 * math.pi) - log_det


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
            _blocks.log_density(block, mu[k], root[k], constant[k], rows, v)
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
            _matrix_blocks.log_density(block, mu[k], inverse[k], constant[k], rows, gap, u, v)
            for i in range(rows):
                out[begin + i, k] = v[i]

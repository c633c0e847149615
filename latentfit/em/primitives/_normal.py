"""Log densities of normal components.

    log N(x; μ, diag σ²) = -(d/2) log 2π - Σ_j log σ_j - Σ_j ((x_j - μ_j) / σ_j)² / 2
    log N(x; μ, L Lᵀ)    = -(d/2) log 2π - log |L| - |L⁻¹ (x - μ)|² / 2

The second needs a triangular system solved for each row and component.
"""

import math
from typing import Any

import numpy as np

from latentfit.em.primitives._check import numbers, room, shape, some
from latentfit.em.primitives._worth import compiling


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
    if compiling(out.size * x.shape[1]):
        from latentfit.em.primitives._compiled.normal import log_columns

        log_columns(x, mu, root, constant, out)
    else:
        with np.errstate(all="ignore"):
            u = (x[:, None] - mu) * root
            np.subtract(constant, 0.5 * np.sum(u**2, axis=-1), out=out)
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
    x, mu, L, constant = matrices(x, mu, L)
    out = room(out, (len(x), len(mu)), x, mu)
    if compiling(out.size * x.shape[1]):
        from latentfit.em.primitives._compiled.normal import log_matrices

        log_matrices(x, mu, L, constant, out)
    else:
        with np.errstate(all="ignore"):
            u = _solved(L, x[:, None] - mu)
            np.subtract(constant, 0.5 * np.sum(u**2, axis=-1), out=out)
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
    """Data, means, a factor for each component, and what of log N does not depend on x."""
    x = some("x", numbers("x", x, 2))
    d = x.shape[1]
    mu = some("mu", numbers("mu", mu, 2))
    shape("mu", mu, (len(mu), d), "components, and columns as in x")
    L = numbers("L", L, 2, 3)
    if L.ndim == 2:
        L = np.broadcast_to(shape("L", L, (d, d), "columns twice"), (len(mu), d, d))
    shape("L", L, (len(mu), d, d), "components, and columns twice")
    with np.errstate(all="ignore"):
        log_det = np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
    return x, mu, L, -0.5 * d * math.log(2 * math.pi) - log_det


def _solved(
    L: np.ndarray,  # noqa: N803
    gap: np.ndarray,
) -> np.ndarray:
    """L⁻¹ (x - μ) of every row and component, by forward substitution."""
    u = np.empty(gap.shape)
    for j in range(gap.shape[-1]):
        before = np.einsum("ikl,kl->ik", u[..., :j], L[:, j, :j])
        u[..., j] = (gap[..., j] - before) / L[:, j, j]
    return u

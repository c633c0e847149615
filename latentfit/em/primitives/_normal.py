"""Log densities of normal components.

    log N(x; μ, diag σ²) = -(d/2) log 2π - Σ_j log σ_j - Σ_j ((x_j - μ_j) / σ_j)² / 2
    log N(x; μ, L Lᵀ)    = -(d/2) log 2π - log |L| - |L⁻¹ (x - μ)|² / 2

The second formula requires the solution of a triangular system for each row and component.
"""

import math
from typing import Any

import numpy as np

from latentfit.em.primitives._arguments import (
    float_array,
    output_array,
    require_entries,
    require_shape,
)
from latentfit.em.primitives._dispatch import use_compiled


def log_normal(x: Any, mu: Any, sigma: Any, *, out: Any = None) -> np.ndarray:
    """Compute log N(x_i; μ_k, σ_k²) of every row and component; columns are independent.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
        Data.
    mu : array_like, shape (K,) or (K, d)
        Means.
    sigma : array_like, shape of `mu`
        Standard deviations.
    out : ndarray, shape (n, K), optional
        Array in which to write the result: float64, contiguous. By default a new array is
        allocated.

    Returns
    -------
    ndarray, shape (n, K)
        Natural logarithms.

    Raises
    ------
    TypeError
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, entries are masked, or `out` cannot be written
        to.
    """
    x, mu, inverse_sigma, log_constant = independent_normal_arguments(x, mu, sigma)
    result = output_array(out, (len(x), len(mu)), x, mu)
    if use_compiled(result.size * x.shape[1]):
        from latentfit.em.primitives._compiled.normal import fill_log_normal

        fill_log_normal(x, mu, inverse_sigma, log_constant, result)
    else:
        with np.errstate(all="ignore"):
            u = (x[:, None] - mu) * inverse_sigma
            np.subtract(log_constant, 0.5 * np.sum(u**2, axis=-1), out=result)
    return result


def log_multivariate_normal(
    x: Any,
    mu: Any,
    L: Any,  # noqa: N803
    *,
    out: Any = None,
) -> np.ndarray:
    """Compute log N(x_i; μ_k, L_k L_kᵀ) of every row and component.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Data.
    mu : array_like, shape (K, d)
        Means.
    L : array_like, shape (K, d, d) or (d, d)
        Lower Cholesky factors of the covariance matrices, or one factor for all components.
        Entries above the diagonal are ignored.
    out : ndarray, shape (n, K), optional
        Array in which to write the result: float64, contiguous. By default a new array is
        allocated.

    Returns
    -------
    ndarray, shape (n, K)
        Natural logarithms.

    Raises
    ------
    TypeError
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, entries are masked, or `out` cannot be written
        to.
    """
    x, mu, L, log_constant = multivariate_normal_arguments(x, mu, L)
    result = output_array(out, (len(x), len(mu)), x, mu)
    if use_compiled(result.size * x.shape[1]):
        from latentfit.em.primitives._compiled.normal import fill_log_multivariate_normal

        fill_log_multivariate_normal(x, mu, L, log_constant, result)
    else:
        with np.errstate(all="ignore"):
            u = _solve_lower_triangular(L, x[:, None] - mu)
            np.subtract(log_constant, 0.5 * np.sum(u**2, axis=-1), out=result)
    return result


def independent_normal_arguments(
    x: Any, mu: Any, sigma: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Validate the arguments of a normal density with independent columns.

    Returns
    -------
    x : ndarray, shape (n, d)
    mu : ndarray, shape (K, d)
    inverse_sigma : ndarray, shape (K, d)
        1 / σ.
    log_constant : ndarray, shape (K,)
        The terms of the log density that do not depend on x.

    Raises
    ------
    TypeError
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, or entries are masked.
    """
    x = require_entries("x", float_array("x", x, 1, 2))
    mu = require_entries("mu", float_array("mu", mu, x.ndim))
    require_shape("mu", mu, (len(mu), *x.shape[1:]), "components, columns as in x")
    sigma = float_array("sigma", sigma, x.ndim)
    require_shape("sigma", sigma, mu.shape, "the shape of mu")
    x, mu, sigma = (array.reshape(len(array), -1) for array in (x, mu, sigma))
    with np.errstate(all="ignore"):
        log_constant = -0.5 * x.shape[1] * math.log(2 * math.pi) - np.log(sigma).sum(axis=1)
        return x, mu, 1 / sigma, log_constant


def multivariate_normal_arguments(
    x: Any,
    mu: Any,
    L: Any,  # noqa: N803
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Validate the arguments of a multivariate normal density.

    Returns
    -------
    x : ndarray, shape (n, d)
    mu : ndarray, shape (K, d)
    L : ndarray, shape (K, d, d)
        One Cholesky factor for each component.
    log_constant : ndarray, shape (K,)
        The terms of the log density that do not depend on x.

    Raises
    ------
    TypeError
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, or entries are masked.
    """
    x = require_entries("x", float_array("x", x, 2))
    d = x.shape[1]
    mu = require_entries("mu", float_array("mu", mu, 2))
    require_shape("mu", mu, (len(mu), d), "components, columns as in x")
    L = float_array("L", L, 2, 3)
    if L.ndim == 2:
        require_shape("L", L, (d, d), "columns of x, columns of x")
        L = np.broadcast_to(L, (len(mu), d, d))
    require_shape("L", L, (len(mu), d, d), "components, columns of x, columns of x")
    with np.errstate(all="ignore"):
        log_det = np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
    return x, mu, L, -0.5 * d * math.log(2 * math.pi) - log_det


def _solve_lower_triangular(
    L: np.ndarray,  # noqa: N803
    deviations: np.ndarray,
) -> np.ndarray:
    """Compute L⁻¹ (x - μ) of every row and component, shape (n, K, d), by forward substitution."""
    u = np.empty(deviations.shape)
    for j in range(deviations.shape[-1]):
        before = np.einsum("ikl,kl->ik", u[..., :j], L[:, j, :j])
        u[..., j] = (deviations[..., j] - before) / L[:, j, j]
    return u

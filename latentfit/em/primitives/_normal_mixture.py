"""The E step of a normal mixture as sufficient statistics, in one pass over the data.

Q of a normal mixture depends on the data through the moments of each component under the
responsibilities alone:

    Q(θ | θ') = Σ_k n_k (log w_k - (log |Σ_k|) / 2)
                - Σ_k tr Σ_k⁻¹ (S_k + n_k (m_k - μ_k) (m_k - μ_k)ᵀ) / 2 + const.

Each block of rows goes from its log densities through its responsibilities to its moments while it
is in the cache, and what the pass leaves behind does not grow with the number of rows.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._check import numbers, shape
from latentfit.em.primitives._compiled.normal_mixture import of_columns, of_matrices
from latentfit.em.primitives._normal import columns, matrices
from latentfit.em.primitives._responsibilities import few_components


class MixtureStatistics(NamedTuple):
    """What the M step of a normal mixture needs, and log p(x | θ) besides.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        n_k = Σ_i r_ik.
    means : ndarray, shape (K,) or (K, d)
        m_k, weighted means of the data. NaN where the count is 0.
    scatter : ndarray, shape of `means`, or (K, d, d)
        S_k, weighted sum of squares about those means, of each column or of all pairs of columns.
    log_likelihood : float
        Natural logarithm.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray
    log_likelihood: float


def normal_mixture_statistics(x: Any, w: Any, mu: Any, sigma: Any) -> MixtureStatistics:
    """Expected sufficient statistics of Σ_k w_k N(μ_k, σ_k²); columns are independent.

    The same as `weighted_moments` of the `responsibilities` of ``log(w) + log_normal(x, mu,
    sigma)``, without storing them.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
    w : array_like, shape (K,)
        Weights.
    mu : array_like, shape (K,) or (K, d)
        Means.
    sigma : array_like, shape of `mu`
        Standard deviations.

    Returns
    -------
    MixtureStatistics

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Shapes do not go together, or entries are masked.
    """
    table, means, root, constant = columns(x, mu, sigma)
    constant = constant + _log_weights(w, len(means))
    counts, found, scatter, height = of_columns(table, means, root, constant)
    moved = np.shape(mu)
    return MixtureStatistics(counts, found.reshape(moved), scatter.reshape(moved), height)


def multivariate_normal_mixture_statistics(
    x: Any,
    w: Any,
    mu: Any,
    L: Any,  # noqa: N803
) -> MixtureStatistics:
    """Expected sufficient statistics of Σ_k w_k N(μ_k, L_k L_kᵀ).

    The same as `weighted_scatter` with the `responsibilities` of ``log(w) +
    log_multivariate_normal(x, mu, L)``, without storing them.

    Parameters
    ----------
    x : array_like, shape (n, d)
    w : array_like, shape (K,)
        Weights.
    mu : array_like, shape (K, d)
        Means.
    L : array_like, shape (K, d, d) or (d, d)
        Lower Cholesky factors of the covariances, or of one that is common to all.

    Returns
    -------
    MixtureStatistics

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Shapes do not go together, or entries are masked.
    """
    table, means, L, constant = matrices(x, mu, L)
    constant = constant + _log_weights(w, len(means))
    return MixtureStatistics(*of_matrices(table, means, L, constant))


def _log_weights(w: Any, components: int) -> np.ndarray:
    few_components(components)
    w = shape("w", numbers("w", w, 1), (components,), "a weight for each component")
    with np.errstate(all="ignore"):
        return np.log(w)

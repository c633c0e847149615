"""Expected sufficient statistics of normal mixtures, in one pass over the data.

The Q function of a normal mixture depends on the data only through the count n_k, mean m_k and
scatter S_k of each component under the responsibilities:

    Q(θ | θ') = Σ_k n_k (log w_k - (log |Σ_k|) / 2)
                - Σ_k tr Σ_k⁻¹ (S_k + n_k (m_k - μ_k) (m_k - μ_k)ᵀ) / 2 + const.

For each block of rows, log densities, responsibilities and moments are computed while the block
is in the processor's cache. The memory that the pass needs does not grow with the number of rows.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._arguments import float_array, require_shape
from latentfit.em.primitives._compiled.normal_mixture import (
    independent_mixture_moments,
    multivariate_mixture_moments,
)
from latentfit.em.primitives._normal import (
    independent_normal_arguments,
    multivariate_normal_arguments,
)
from latentfit.em.primitives._responsibilities import require_component_count


class MixtureStatistics(NamedTuple):
    """Expected sufficient statistics of a normal mixture, and the log-likelihood.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        n_k = Σ_i r_ik.
    means : ndarray, shape (K,) or (K, d)
        Weighted means m_k of the data; NaN where the count is 0.
    scatter : ndarray, shape of `means`, or (K, d, d)
        Weighted sums of squares S_k about the means: of each column, or of all pairs of columns.
    log_likelihood : float
        log p(x | θ), natural logarithm.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray
    log_likelihood: float


def normal_mixture_statistics(x: Any, w: Any, mu: Any, sigma: Any) -> MixtureStatistics:
    """Compute the expected sufficient statistics of Σ_k w_k N(μ_k, σ_k²); columns are independent.

    The result equals `weighted_moments` under the `responsibilities` of ``log(w) + log_normal(x,
    mu, sigma)`` up to rounding, but the responsibilities are not stored.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
        Data.
    w : array_like, shape (K,)
        Mixture weights.
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
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, entries are masked, or there are more than
        32768 components.

    Notes
    -----
    The moments of blocks of rows are computed about their own means and merged (Chan, Golub and
    LeVeque 1983).

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque (1983). Algorithms for computing the sample
    variance: analysis and recommendations. *The American Statistician* 37, 242-247.
    """
    table, means, inverse_sigma, log_constant = independent_normal_arguments(x, mu, sigma)
    log_constant = log_constant + _log_weights(w, len(means))
    counts, means, scatter, log_likelihood = independent_mixture_moments(
        table, means, inverse_sigma, log_constant
    )
    shape = np.shape(mu)
    return MixtureStatistics(counts, means.reshape(shape), scatter.reshape(shape), log_likelihood)


def multivariate_normal_mixture_statistics(
    x: Any,
    w: Any,
    mu: Any,
    L: Any,  # noqa: N803
) -> MixtureStatistics:
    """Compute the expected sufficient statistics of Σ_k w_k N(μ_k, L_k L_kᵀ).

    The result equals `weighted_scatter` under the `responsibilities` of ``log(w) +
    log_multivariate_normal(x, mu, L)`` up to rounding, but the responsibilities are not stored.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Data.
    w : array_like, shape (K,)
        Mixture weights.
    mu : array_like, shape (K, d)
        Means.
    L : array_like, shape (K, d, d) or (d, d)
        Lower Cholesky factors of the covariance matrices, or one factor for all components.

    Returns
    -------
    MixtureStatistics

    Raises
    ------
    TypeError
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, entries are masked, or there are more than
        32768 components.

    Notes
    -----
    The moments of blocks of rows are computed about their own means and merged (Chan, Golub and
    LeVeque 1983).

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque (1983). Algorithms for computing the sample
    variance: analysis and recommendations. *The American Statistician* 37, 242-247.
    """
    table, means, L, log_constant = multivariate_normal_arguments(x, mu, L)
    log_constant = log_constant + _log_weights(w, len(means))
    return MixtureStatistics(*multivariate_mixture_moments(table, means, L, log_constant))


def _log_weights(w: Any, components: int) -> np.ndarray:
    require_component_count(components)
    w = require_shape("w", float_array("w", w, 1), (components,), "one weight for each component")
    with np.errstate(all="ignore"):
        log_w: np.ndarray = np.log(w)
    return log_w

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

from latentfit.em.primitives import _blocks, _matrix_blocks
from latentfit.em.primitives._blocks import NARROW, WIDE, softmax, transpose
from latentfit.em.primitives._check import numbers, shape
from latentfit.em.primitives._chunks import cut, spread
from latentfit.em.primitives._jit import reordered
from latentfit.em.primitives._moments import merged, zeros
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
    chunks, size = cut(len(table))
    parts = zeros(chunks, *means.shape, matrix=False)
    heights = np.zeros(chunks)
    constant = constant + _log_weights(w, len(means))
    work = len(table) * (8 * len(means) + 4 * means.size)
    spread(_column_kernel, chunks, work, table, size, means, root, constant, *parts, heights)
    counts, found, scatter = merged(*parts)
    moved = np.shape(mu)
    return MixtureStatistics(
        counts, found.reshape(moved), scatter.reshape(moved), float(heights.sum())
    )


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
    table, means, inverse, constant = matrices(x, mu, L)
    chunks, size = cut(len(table))
    parts = zeros(chunks, *means.shape, matrix=True)
    heights = np.zeros(chunks)
    constant = constant + _log_weights(w, len(means))
    work = len(table) * means.size * means.shape[1]
    spread(_matrix_kernel, chunks, work, table, size, means, inverse, constant, *parts, heights)
    return MixtureStatistics(*merged(*parts), float(heights.sum()))


def _log_weights(w: Any, components: int) -> np.ndarray:
    few_components(components)
    w = shape("w", numbers("w", w, 1), (components,), "a weight for each component")
    with np.errstate(all="ignore"):
        return np.log(w)


@reordered
def _column_kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    mu: np.ndarray,
    root: np.ndarray,
    constant: np.ndarray,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
    heights: np.ndarray,
) -> None:
    n, d = x.shape
    block, v = np.empty((d, NARROW)), np.empty((len(mu), NARROW))
    largest, total = np.empty(NARROW), np.empty(NARROW)
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, NARROW):
            rows = min(NARROW, end - begin)
            transpose(x, begin, rows, block)
            for k in range(len(mu)):
                _blocks.log_density(block, mu[k], root[k], constant[k], rows, v[k])
            heights[chunk] += softmax(v, rows, largest, total)
            _blocks.moments(v, block, rows, counts[chunk], means[chunk], scatter[chunk])


@reordered
def _matrix_kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    mu: np.ndarray,
    inverse: np.ndarray,
    constant: np.ndarray,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
    heights: np.ndarray,
) -> None:
    n, d = x.shape
    padded = inverse.shape[2]
    block, v = np.empty((d, WIDE)), np.empty((len(mu), WIDE))
    largest, total = np.empty(WIDE), np.empty(WIDE)
    gap, product = np.zeros((padded, WIDE)), np.empty((d + 1, padded))
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            transpose(x, begin, rows, block)
            for k in range(len(mu)):
                _matrix_blocks.log_density(
                    block, mu[k], inverse[k], constant[k], rows, gap, total, v[k]
                )
            heights[chunk] += softmax(v, rows, largest, total)
            _matrix_blocks.moments(
                v, block, rows, gap, total, product, counts[chunk], means[chunk], scatter[chunk]
            )

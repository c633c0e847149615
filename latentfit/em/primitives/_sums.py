"""Weighted sums that can be added over parts of the data.

    n_k = Σ_i r_ik,   m_k = Σ_i r_ik (x_i - a_k),   S_k = Σ_i r_ik (x_i - a_k) (x_i - a_k)ᵀ

All parts must use the same centres a_k, for instance the means of the previous iteration. Sums
about a_k = 0 could be added as well, but if the data are large relative to their spread, the
scatter would be the difference of two large numbers and lose its digits.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._arguments import (
    float_array,
    require_entries,
    require_shape,
    weight_array,
)
from latentfit.em.primitives._dispatch import use_compiled


class WeightedSums(NamedTuple):
    """Weighted sums of each component.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        n_k = Σ_i r_ik.
    first : ndarray, shape (K,) or (K, d)
        Weighted sums m_k of the deviations from the centres.
    second : ndarray, shape of `first`, or (K, d, d)
        Weighted sums of squared deviations: the diagonal of S_k, or all of S_k.
    """

    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray


def weighted_sums(r: Any, x: Any, about: Any, *, products: bool = False) -> WeightedSums:
    """Compute weighted counts, sums and sums of squares of the deviations x_i - a_k.

    Parameters
    ----------
    r : array_like, shape (n, K)
        Responsibilities or other non-negative weights.
    x : array_like, shape (n,) or (n, d)
        Data; with `products`, shape (n, d).
    about : array_like, shape (K,) or (K, d)
        Centre a_k of each component.
    products : bool, default False
        Whether to sum the products of all pairs of columns instead of the squares of each
        column.

    Returns
    -------
    WeightedSums

    Raises
    ------
    TypeError
        An argument is not of double precision.
    ValueError
        Shapes do not match, an argument is empty, or entries are masked.
    """
    x = require_entries("x", float_array("x", x, 2) if products else float_array("x", x, 1, 2))
    r = weight_array(r, len(x))
    about = float_array("about", about, x.ndim)
    require_shape("about", about, (r.shape[1], *x.shape[1:]), "components, columns as in x")
    table, centres = x.reshape(len(x), -1), about.reshape(len(about), -1)
    if use_compiled(r.size * table.shape[1]):
        from latentfit.em.primitives._compiled.sums import compute_sums

        counts, first, second = compute_sums(r, table, centres, matrix=products)
    else:
        counts, first, second = _sums_with_numpy(r, table, centres, matrix=products)
    return WeightedSums(
        counts, first.reshape(about.shape), second if products else second.reshape(about.shape)
    )


def _sums_with_numpy(
    r: np.ndarray, x: np.ndarray, about: np.ndarray, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        deviations = x - about[:, None]
        weighted = r.T[:, :, None] * deviations
        second = weighted.mT @ deviations if matrix else np.sum(weighted * deviations, axis=1)
        if matrix:
            # Matrix multiplication rounds the two triangles differently; the result is to be
            # exactly symmetric.
            second = (second + second.mT) / 2
    return r.sum(axis=0), weighted.sum(axis=1), second

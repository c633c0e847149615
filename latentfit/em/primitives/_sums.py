"""Sums under responsibilities, which add over parts of the data.

    n_k = Σ_i r_ik,   m_k = Σ_i r_ik (x_i - a_k),   S_k = Σ_i r_ik (x_i - a_k) (x_i - a_k)ᵀ

The a_k are known to all parts, such as the means of the iteration before. About zero the same would
be true, but where the data are large beside their spread no digits would be left.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._check import numbers, shape, some, weights
from latentfit.em.primitives._worth import compiling


class Sums(NamedTuple):
    """Weighted sums, for each component.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        n_k.
    first : ndarray, shape of ``about``
        m_k.
    second : ndarray, shape of ``about``, or (K, d, d)
        S_k, or its diagonal.
    """

    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray


def weighted_sums(r: Any, x: Any, about: Any, *, products: bool = False) -> Sums:
    """Counts, sums and sums of squares of x - about.

    Parameters
    ----------
    r : array_like, shape (n, K)
        Responsibilities, or any weights that are not negative.
    x : array_like, shape (n,) or (n, d)
    about : array_like, shape (K,) or (K, d)
        A centre for each component.
    products : bool
        Of all pairs of columns, of which there are two axes then; by default of each column.

    Returns
    -------
    Sums

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Shapes do not go together, or entries are masked.
    """
    x = some("x", numbers("x", x, 2) if products else numbers("x", x, 1, 2))
    r = weights(r, len(x))
    about = numbers("about", about, x.ndim)
    shape("about", about, (r.shape[1], *x.shape[1:]), "components, and columns as in x")
    table, centres = x.reshape(len(x), -1), about.reshape(len(about), -1)
    if compiling(r.size * table.shape[1]):
        from latentfit.em.primitives._compiled.sums import of_all

        counts, first, second = of_all(r, table, centres, products=products)
    else:
        counts, first, second = _of_all(r, table, centres, products=products)
    return Sums(
        counts, first.reshape(about.shape), second if products else second.reshape(about.shape)
    )


def _of_all(
    r: np.ndarray, x: np.ndarray, about: np.ndarray, *, products: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        gap = x - about[:, None]
        weighted = r.T[:, :, None] * gap
        second = weighted.mT @ gap if products else np.sum(weighted * gap, axis=1)
        if products:
            # Symmetric to the last bit.
            second = (second + second.mT) / 2
    return r.sum(axis=0), weighted.sum(axis=1), second

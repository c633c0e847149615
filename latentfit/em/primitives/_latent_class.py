"""The E step of a latent class model as expected counts, in one pass over the data.

    Q(θ | θ') = Σ_k n_k log w_k + Σ_kjc n_kjc log p_kjc,

a sum of multinomial log-likelihoods, so that expected counts are all that the M step needs.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._categorical import refuse, tables
from latentfit.em.primitives._check import numbers, shape
from latentfit.em.primitives._compiled.latent_class import statistics
from latentfit.em.primitives._responsibilities import few_components


class ClassStatistics(NamedTuple):
    """What the M step of a latent class model needs, and log p(x | θ) besides.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        n_k, the expected number of members of each class.
    category_counts : ndarray, shape (K, J, C)
        n_kjc, the expected number of them whose answer to item j is c.
    log_likelihood : float
        Natural logarithm.
    """

    counts: np.ndarray
    category_counts: np.ndarray
    log_likelihood: float


def latent_class_statistics(x: Any, w: Any, p: Any) -> ClassStatistics:
    """Expected sufficient statistics of Σ_k w_k Π_j Categorical(p_kj).

    The same as `weighted_counts` of the `responsibilities` of ``log(w) + log_categorical(x, p)``,
    without storing them.

    Parameters
    ----------
    x : array_like of int, shape (n, J)
        Codes 0, ..., C - 1 of the categories.
    w : array_like, shape (K,)
        Weights of the classes.
    p : array_like, shape (K, J, C)
        Probabilities. Items with fewer categories than others have zeros at the end.

    Returns
    -------
    ClassStatistics

    Raises
    ------
    TypeError
        `x` are not integers, or parameters are not of double precision.
    ValueError
        A code is negative or above C - 1, shapes do not go together, or entries are masked.
    """
    x, table = tables(x, p)
    _, categories, classes = table.shape
    few_components(classes)
    w = shape("w", numbers("w", w, 1), (classes,), "a weight for each class")
    with np.errstate(all="ignore"):
        log_w = np.log(w)
    counts, each, height, bad = statistics(x, log_w, table)
    refuse(x, bad, categories)
    return ClassStatistics(counts, each, height)

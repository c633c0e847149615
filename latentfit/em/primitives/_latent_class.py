"""Expected counts of a latent class model, in one pass over the data.

    Q(θ | θ') = Σ_k n_k log w_k + Σ_kjc n_kjc log p_kjc

is a sum of multinomial log-likelihoods, so the M step needs the expected counts only.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._arguments import float_array, require_shape
from latentfit.em.primitives._categorical import (
    codes_and_log_probabilities,
    require_codes_in_range,
)
from latentfit.em.primitives._compiled.latent_class import expected_counts
from latentfit.em.primitives._responsibilities import require_component_count


class ClassStatistics(NamedTuple):
    """Expected sufficient statistics of a latent class model, and the log-likelihood.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        n_k, the expected number of rows in each class.
    category_counts : ndarray, shape (K, J, C)
        n_kjc, the expected number of rows in class k whose item j has category c.
    log_likelihood : float
        log p(x | θ), natural logarithm.
    """

    counts: np.ndarray
    category_counts: np.ndarray
    log_likelihood: float


def latent_class_statistics(x: Any, w: Any, p: Any) -> ClassStatistics:
    """Compute the expected sufficient statistics of Σ_k w_k Π_j Categorical(p_kj).

    The result equals `weighted_counts` under the `responsibilities` of ``log(w) +
    log_categorical(x, p)`` up to rounding, but the responsibilities are not stored.

    Parameters
    ----------
    x : array_like of int, shape (n, J)
        Category codes 0, ..., C - 1.
    w : array_like, shape (K,)
        Weights of the classes.
    p : array_like, shape (K, J, C)
        Category probabilities of each class. An item with fewer than C categories has zeros at
        the end.

    Returns
    -------
    ClassStatistics

    Raises
    ------
    TypeError
        `x` is not an integer array, or `w` or `p` is not of double precision.
    ValueError
        A code is negative or above C - 1, shapes do not match, an argument is empty, entries are
        masked, or there are more than 32768 classes.
    """
    x, log_p = codes_and_log_probabilities(x, p)
    _, categories, classes = log_p.shape
    require_component_count(classes)
    w = require_shape("w", float_array("w", w, 1), (classes,), "one weight for each class")
    with np.errstate(all="ignore"):
        log_w = np.log(w)
    counts, category_counts, log_likelihood, bad_rows = expected_counts(x, log_w, log_p)
    require_codes_in_range(x, bad_rows, categories)
    return ClassStatistics(counts, category_counts, log_likelihood)

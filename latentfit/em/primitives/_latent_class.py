"""The E step of a latent class model as expected counts, in one pass over the data.

    Q(θ | θ') = Σ_k n_k log w_k + Σ_kjc n_kjc log p_kjc,

a sum of multinomial log-likelihoods, so that expected counts are all that the M step needs.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._blocks import WIDE, softmax
from latentfit.em.primitives._categorical import by_component, refuse, tables
from latentfit.em.primitives._check import numbers, shape
from latentfit.em.primitives._chunks import cut, spread
from latentfit.em.primitives._code_blocks import count, log_probability, transpose
from latentfit.em.primitives._jit import reordered
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
    items, categories, classes = table.shape
    few_components(classes)
    w = shape("w", numbers("w", w, 1), (classes,), "a weight for each class")
    with np.errstate(all="ignore"):
        log_w = np.log(w)
    chunks, size = cut(len(x))
    counts, heights = np.zeros((chunks, classes)), np.zeros(chunks)
    each, bad = np.zeros((chunks, items, categories, classes)), np.full(chunks, -1)
    work = 2 * x.size * classes
    spread(_kernel, chunks, work, x, size, log_w, table, counts, each, heights, bad)
    refuse(x, bad, categories)
    return ClassStatistics(counts.sum(axis=0), by_component(each), float(heights.sum()))


@reordered
def _kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    log_w: np.ndarray,
    table: np.ndarray,
    counts: np.ndarray,
    each: np.ndarray,
    heights: np.ndarray,
    bad: np.ndarray,
) -> None:
    n, items = x.shape
    classes = len(log_w)
    block, v = np.empty((items, WIDE), np.int64), np.empty((classes, WIDE))
    largest, total = np.empty(WIDE), np.empty(WIDE)
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            bad[chunk] = transpose(x, begin, rows, table.shape[1], block)
            if bad[chunk] >= 0:
                return
            for k in range(classes):
                for i in range(rows):
                    v[k, i] = log_w[k]
            log_probability(block, rows, table, v)
            heights[chunk] += softmax(v, rows, largest, total)
            count(v, block, rows, each[chunk])
            for k in range(classes):
                weight = 0.0
                for i in range(rows):
                    weight += v[k, i]
                counts[chunk, k] += weight

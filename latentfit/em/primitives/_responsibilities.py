"""From log joint densities to responsibilities and the log-likelihood.

With v_ik = log p(x_i, z_i = k), by Bayes' theorem and by the law of total probability

    r_ik = exp(v_ik) / Σ_l exp(v_il),   log p(x) = Σ_i log Σ_k exp(v_ik),

with the largest of a row taken out of both sums before the exponential is taken.
"""

from typing import Any

import numpy as np

from latentfit.em.primitives._check import numbers, room, some
from latentfit.em.primitives._worth import compiling

# Sums of so many terms can be multiplied before a logarithm is taken.
_MOST_COMPONENTS = 2**15
_LEAST = np.finfo(float).tiny


def responsibilities(log_joint: Any, *, out: Any = None) -> tuple[np.ndarray, float]:
    """p(z = k | x) of every row and log p(x) of all, in one pass over log p(x, z = k).

    Parameters
    ----------
    log_joint : array_like, shape (n, K)
        log p(x_i, z_i = k), natural logarithm; minus infinity where that is impossible.
    out : ndarray, shape (n, K), optional
        Where r is written: float64, contiguous, `log_joint` itself if that is not needed again. By
        default a new array is.

    Returns
    -------
    r : ndarray, shape (n, K)
        Rows sum to one. Below 2e-308 they are 0.
    log_likelihood : float
        Σ_i log Σ_k exp(log_joint[i, k]).

    Raises
    ------
    TypeError
        Not of double precision.
    ValueError
        Not two axes, no entries, or masked ones; `out` cannot be written to, or has a part of its
        memory in common with `log_joint`.

    Notes
    -----
    A row of minus infinities has no responsibilities: they are NaN, and the log-likelihood is minus
    infinity. NaN and plus infinity make a row, and the log-likelihood, NaN.
    """
    log_joint = some("log_joint", numbers("log_joint", log_joint, 2))
    few_components(log_joint.shape[1])
    r = room(out, log_joint.shape, *([] if out is log_joint else [log_joint]))
    if compiling(log_joint.size):
        from latentfit.em.primitives._compiled.responsibilities import softmax

        return r, softmax(log_joint, r)
    return r, _softmax(log_joint, r)


def few_components(components: int) -> None:
    """Refuse more components than a product of their sums can be kept in range for."""
    if components > _MOST_COMPONENTS:
        raise ValueError(f"{components} components, and at most {_MOST_COMPONENTS} are possible")


def _softmax(log_joint: np.ndarray, r: np.ndarray) -> float:
    """Fill r; the log-likelihood."""
    largest = log_joint.max(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        np.exp(log_joint - largest, out=r)
        total = r.sum(axis=1, keepdims=True)
        r /= total
        r[r < _LEAST] = 0
        heights = np.where(np.isneginf(largest), largest, largest + np.log(total))
        return float(heights.sum())

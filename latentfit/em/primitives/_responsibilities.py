"""Responsibilities and log-likelihood from log joint densities.

With v_ik = log p(x_i, z_i = k), Bayes' theorem and the law of total probability give

    r_ik = exp(v_ik) / Σ_l exp(v_il),   log p(x) = Σ_i log Σ_k exp(v_ik).

The maximum of each row is subtracted before the exponential is taken, so that it does not
overflow.
"""

from typing import Any

import numpy as np

from latentfit.em.primitives._arguments import float_array, output_array, require_entries
from latentfit.em.primitives._dispatch import use_compiled

# The kernels multiply several sums of this many terms, each at most 1, before they take a
# logarithm. With more components that product could overflow.
_MAX_COMPONENTS = 2**15
_SMALLEST_NORMAL_DOUBLE = np.finfo(float).tiny


def responsibilities(log_joint: Any, *, out: Any = None) -> tuple[np.ndarray, float]:
    """Compute p(z_i = k | x_i) of every row, and the log-likelihood.

    Parameters
    ----------
    log_joint : array_like, shape (n, K)
        log p(x_i, z_i = k), natural logarithm; minus infinity where the joint density is 0.
    out : ndarray, shape (n, K), optional
        Array in which to write the responsibilities: float64, contiguous. It may be `log_joint`
        itself, which is then overwritten. By default a new array is allocated.

    Returns
    -------
    r : ndarray, shape (n, K)
        Responsibilities; each row sums to 1. Values below 2.2e-308, the smallest normal double,
        are set to 0.
    log_likelihood : float
        Σ_i log Σ_k exp(log_joint[i, k]), natural logarithm.

    Raises
    ------
    TypeError
        `log_joint` or `out` is not of double precision.
    ValueError
        `log_joint` does not have two axes, is empty, has masked entries or more than 32768
        components; or `out` cannot be written to or shares part of its memory with `log_joint`.

    Notes
    -----
    In a row of minus infinities the responsibilities are undefined: they are NaN, and the
    log-likelihood is minus infinity. A row that contains NaN or plus infinity becomes NaN, and so
    does the log-likelihood.
    """
    log_joint = require_entries("log_joint", float_array("log_joint", log_joint, 2))
    require_component_count(log_joint.shape[1])
    r = output_array(out, log_joint.shape, *([] if out is log_joint else [log_joint]))
    if use_compiled(log_joint.size):
        from latentfit.em.primitives._compiled.responsibilities import fill_responsibilities

        return r, fill_responsibilities(log_joint, r)
    return r, _fill_with_numpy(log_joint, r)


def require_component_count(components: int) -> None:
    """Raise an error if a product of sums over the components could overflow.

    Raises
    ------
    ValueError
        There are more than 32768 components.
    """
    if components > _MAX_COMPONENTS:
        raise ValueError(f"{components} components; at most {_MAX_COMPONENTS} are supported")


def _fill_with_numpy(log_joint: np.ndarray, r: np.ndarray) -> float:
    """Fill `r`, shape (n, K), and return the log-likelihood."""
    maxima = log_joint.max(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        np.exp(log_joint - maxima, out=r)
        total = r.sum(axis=1, keepdims=True)
        r /= total
        r[r < _SMALLEST_NORMAL_DOUBLE] = 0
        log_densities = np.where(np.isneginf(maxima), maxima, maxima + np.log(total))
        return float(log_densities.sum())

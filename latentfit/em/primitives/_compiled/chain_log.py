"""Forward-backward recursions of one sequence on logarithms.

They are slower than the recursions of `chain_scaled` on probabilities, and exact up to rounding
wherever the result can be represented. Sums of probabilities become log-sum-exp. The largest entry
of each row of log α and log β is subtracted, so that the digits of the row are not spent on the
log-likelihood of the whole sequence; every γ_t and every ξ_t is divided by its own sum.
"""

import math

import numpy as np

from latentfit.em.primitives._compiled.jit import jit_fma


@jit_fma
def _largest(v: np.ndarray) -> float:
    """Return the largest entry, or NaN if there is one."""
    largest: float = v[0]
    for value in v:
        if value > largest or value != value:
            largest = value
    return largest


@jit_fma
def _log_sum_exp(v: np.ndarray) -> float:
    largest = _largest(v)
    if largest == -np.inf:
        return -np.inf
    total = 0.0
    for value in v:
        total += math.exp(value - largest)
    return largest + math.log(total)


@jit_fma
def forward_backward_log(
    log_b: np.ndarray,
    log_start: np.ndarray,
    log_p: np.ndarray,
    z: np.ndarray,
    transitions: np.ndarray,
) -> tuple[float, int]:
    """Fill γ, add ξ to `transitions`, and return the log-likelihood and the first impossible row.

    `log_b` and `z` have the shape (times, K), `log_start` (K,), `log_p` and `transitions` (K, K).
    The row is -1 if the sequence is possible. log α is stored in `z` until γ replaces it.
    """
    times, states = log_b.shape
    terms, beta, after = np.empty(states), np.zeros(states), np.empty(states)
    pair = np.empty(states * states)
    log_likelihood = 0.0
    for t in range(times):
        for k in range(states):
            if t == 0:
                z[0, k] = log_start[k] + log_b[0, k]
                continue
            for j in range(states):
                terms[j] = z[t - 1, j] + log_p[j, k]
            z[t, k] = _log_sum_exp(terms) + log_b[t, k]
        largest = _largest(z[t])
        if largest == -np.inf:
            return -np.inf, t
        for k in range(states):
            z[t, k] -= largest
        log_likelihood += largest
    log_likelihood += _log_sum_exp(z[times - 1])
    for back in range(1, times + 1):
        t = times - back
        for k in range(states):
            after[k] = log_b[t, k] + beta[k]
            terms[k] = z[t, k] + beta[k]
        total = _log_sum_exp(terms)
        for k in range(states):
            z[t, k] = math.exp(terms[k] - total)
        if t == 0:
            break
        for j in range(states):
            for k in range(states):
                terms[k] = log_p[j, k] + after[k]
                pair[j * states + k] = z[t - 1, j] + terms[k]
            beta[j] = _log_sum_exp(terms)
        total = _log_sum_exp(pair)
        for j in range(states):
            for k in range(states):
                transitions[j, k] += math.exp(pair[j * states + k] - total)
        # The largest entry is finite: the forward recursion found a path to the observed data.
        largest = _largest(beta)
        for k in range(states):
            beta[k] -= largest
    return log_likelihood, -1

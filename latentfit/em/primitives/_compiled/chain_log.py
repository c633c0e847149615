"""Forward-backward on logarithms, for one sequence: slower, and exact wherever that can be.

The recursions are those of `chain_scaled`, with sums of exponentials from which the largest is
taken out. The largest of each row of log α and log β is taken out, too, so that their digits are
not spent on the height of the whole sequence; every γ_t and every ξ_t is divided by its own sum.
"""

import math

import numpy as np

from latentfit.em.primitives._compiled.jit import fused


@fused
def _largest(v: np.ndarray) -> float:
    largest = v[0]
    for value in v:
        # NaN is kept.
        if value > largest or value != value:
            largest = value
    return largest


@fused
def _log_sum_exp(v: np.ndarray) -> float:
    largest = _largest(v)
    if largest == -np.inf:
        return -np.inf
    total = 0.0
    for value in v:
        total += math.exp(value - largest)
    return largest + math.log(total)


@fused
def forward_backward(
    log_b: np.ndarray,
    log_start: np.ndarray,
    log_p: np.ndarray,
    z: np.ndarray,
    transitions: np.ndarray,
) -> tuple[float, int]:
    """Fill γ, where log α stands on the way, and add ξ; log p(x), first impossible row or -1."""
    times, states = log_b.shape
    terms, beta, after = np.empty(states), np.zeros(states), np.empty(states)
    pair = np.empty(states * states)
    height = 0.0
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
        height += largest
    height += _log_sum_exp(z[times - 1])
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
        # Rows that lead to nothing are -inf; one at least leads to what was seen.
        largest = _largest(beta)
        for k in range(states):
            beta[k] -= largest
    return height, -1

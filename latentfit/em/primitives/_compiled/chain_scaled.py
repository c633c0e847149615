"""Forward-backward recursions of one sequence on probabilities, with a check of their exactness.

Let b_tk = p(x_t | z_t = k), divided by the largest entry of its row. The forward recursion is

    a_tk = b_tk Σ_j a_{t-1,j} P_jk,

which is p(x_1, ..., x_t, z_t = k) up to a factor of the row. A row whose sum falls below 1e-50 is
multiplied by 2¹⁶⁶; unlike a division by the sum of each row, this does not delay the next step.
A row divided by its sum is the filtered distribution α_tk = p(z_t = k | x_1, ..., x_t).

The backward recursion (Kim 1994) uses the prediction q_tk = Σ_j α_{t-1,j} P_jk:

    ξ_tjk = α_{t-1,j} P_jk γ_tk / q_tk,   γ_{t-1,j} = Σ_k ξ_tjk,

because given z_t the past is independent of all later data. It does not need the densities again,
every number in it is a probability, and the ξ_t are summed without being stored.

A product of doubles loses values below 1e-308, which matters if only these values are left at a
later time. Two rules exclude this. The sum of a row must not fall below 1e-100 in one step. And a
state with less than 1e-200 of its row's probability must be irrelevant. It is irrelevant if all
entries of P are at least 1e-100, because every state to which it leads is then also reached from
another state with at least 1e-100 of the probability; and it is irrelevant if no path leads to
it, so that its probability is exactly 0. A sequence that violates a rule is left to `chain_log`.

References
----------
C.-J. Kim (1994). Dynamic linear models with Markov-switching. *Journal of Econometrics* 60, 1-22.
"""

import numpy as np

from latentfit.em.primitives._compiled.exp import exp
from latentfit.em.primitives._compiled.jit import jit_fma, jit_reassociate

# States are padded with zeros to a multiple of this.
STATE_UNIT = 4
# Thresholds of the two rules: an entry of P, the sum of a row, the probability of a state.
MIN_TRANSITION = 1e-100
MIN_ROW_SUM = 1e-100
MIN_STATE_PROBABILITY = 1e-200
RESCALED_BELOW = 1e-50
RESCALE_FACTOR = 2.0**166


@jit_fma
def load_densities(log_b: np.ndarray, begin: int, rows: int, b: np.ndarray) -> float:
    """Fill `rows` rows of b, shape (>= rows, padded states), from row `begin` of log_b on.

    Return the sum of the logarithms of the largest densities, by which the rows were divided.
    """
    states, width = log_b.shape[1], b.shape[1]
    log_scale = 0.0
    for i in range(rows):
        largest = log_b[begin + i, 0]
        for k in range(1, states):
            value = log_b[begin + i, k]
            largest = value if value > largest else largest
        # Subtracting the maximum from a row of -inf would give NaN.
        largest = 0.0 if largest == -np.inf else largest
        log_scale += largest
        for k in range(states):
            b[i, k] = log_b[begin + i, k] - largest
        for k in range(states, width):
            b[i, k] = -np.inf
    exponentials(b, rows)
    return log_scale


@jit_reassociate
def exponentials(b: np.ndarray, rows: int) -> None:
    """Replace the non-positive numbers in the first rows of b by their exponentials."""
    flat = b.ravel()
    for i in range(rows * b.shape[1]):
        flat[i] = exp(flat[i])


@jit_reassociate
def multiply(left: np.ndarray, P: np.ndarray, out: np.ndarray) -> None:  # noqa: N803
    """Fill Σ_j left_j P_jk, four k at a time."""
    for k in range(0, P.shape[1], STATE_UNIT):
        a = b = c = d = 0.0
        for j in range(P.shape[0]):
            weight = left[j]
            a += weight * P[j, k]
            b += weight * P[j, k + 1]
            c += weight * P[j, k + 2]
            d += weight * P[j, k + 3]
        out[k], out[k + 1], out[k + 2], out[k + 3] = a, b, c, d


@jit_reassociate
def forward(
    b: np.ndarray,
    rows: int,
    P: np.ndarray,  # noqa: N803
    prediction: np.ndarray,
    a: np.ndarray,
    alpha: np.ndarray,
) -> tuple[int, float, bool]:
    """Fill the first rows of α, shape (>= rows, K), from b, shape (>= rows, padded states).

    `prediction` is Σ_j a_{t-1,j} P_jk of the first row, which for the first row of a sequence is
    the start distribution; it is replaced by that of the row after the last one. `a` is a buffer
    for one row. Returned are the number of rescaled rows, or -1 if the sum of a row is too small;
    the sum of the last row of a; and whether any state has less than `MIN_STATE_PROBABILITY`.
    """
    states, width = P.shape[0], P.shape[1]
    rescaled, negligible, total = 0, False, 0.0
    for i in range(rows):
        for k in range(width):
            a[k] = prediction[k] * b[i, k]
        total = 0.0
        for k in range(width):
            total += a[k]
        # The negated comparisons are also true for NaN.
        if not total > RESCALED_BELOW:
            if not total > MIN_ROW_SUM:
                return -1, total, negligible
            for k in range(width):
                a[k] *= RESCALE_FACTOR
            total *= RESCALE_FACTOR
            rescaled += 1
        inverse_total = 1.0 / total
        for k in range(alpha.shape[1]):
            alpha[i, k] = a[k] * inverse_total
            negligible |= alpha[i, k] < MIN_STATE_PROBABILITY
        multiply(a[:states], P, prediction)
    return rescaled, total, negligible


@jit_reassociate
def negligible_states_unreachable(
    alpha: np.ndarray,
    begin: int,
    end: int,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    log_b: np.ndarray,
) -> bool:
    """Return whether no path leads to a state with less than `MIN_STATE_PROBABILITY`.

    Checked are the rows `begin` to `end` - 1 of `alpha` and `log_b`, shape (times, K).
    """
    states = len(start)
    for t in range(begin, end):
        for k in range(states):
            if alpha[t, k] >= MIN_STATE_PROBABILITY or log_b[t, k] == -np.inf:
                continue
            if t == 0:
                if start[k] > 0.0:
                    return False
                continue
            for j in range(states):
                if alpha[t - 1, j] > 0.0 and P[j, k] > 0.0:
                    return False
    return True


@jit_reassociate
def invert_predictions(
    alpha: np.ndarray,
    begin: int,
    rows: int,
    P: np.ndarray,  # noqa: N803
    inverse: np.ndarray,
) -> None:
    """Fill 1 / q of `rows` rows from row `begin` >= 1 on; 0 where q is 0.

    `inverse` has the shape (>= rows, padded states).
    """
    states, width = P.shape
    for i in range(rows):
        for k in range(width):
            inverse[i, k] = 0.0
        for j in range(min(states, alpha.shape[1])):
            weight = alpha[begin + i - 1, j]
            for k in range(width):
                inverse[i, k] += weight * P[j, k]
    _invert(inverse, rows)


@jit_reassociate
def _invert(q: np.ndarray, rows: int) -> None:
    """Replace q by 1 / q, and by 0 where it is 0."""
    flat = q.ravel()
    for i in range(rows * q.shape[1]):
        flat[i] = 1.0 / flat[i] if flat[i] > 0.0 else 0.0


@jit_reassociate
def backward(
    z: np.ndarray,
    begin: int,
    rows: int,
    P_transposed: np.ndarray,  # noqa: N803
    inverse: np.ndarray,
    w: np.ndarray,
    gamma: np.ndarray,
    pairs: np.ndarray,
) -> None:
    """Replace α by γ in the rows `begin` - 1 to `begin` + `rows` - 2 of z, shape (times, K).

    Σ_t α_{t-1,j} γ_tk / q_tk is added to `pairs`. `gamma` is γ of row `begin` + `rows` - 1 and is
    replaced by γ of row `begin` - 1. `inverse` is 1 / q, and `w` is a buffer for one row.
    """
    states, width = z.shape[1], len(gamma)
    for back in range(1, rows + 1):
        t = begin + rows - back
        for k in range(width):
            w[k] = gamma[k] * inverse[t - begin, k]
        for j in range(states):
            weight = z[t - 1, j]
            for k in range(width):
                pairs[j, k] += weight * w[k]
        multiply(w, P_transposed, gamma)
        for j in range(states):
            gamma[j] *= z[t - 1, j]
            z[t - 1, j] = gamma[j]
        for k in range(states, width):
            gamma[k] = 0.0
    # The sum is 1 up to rounding errors, which would accumulate over the blocks.
    total = gamma.sum()
    for k in range(width):
        gamma[k] /= total

"""Forward-backward on probabilities, for one sequence: exact, or else it says that it is not.

Let b_tk = p(x_t | z_t = k) over the largest of its row. Forwards,

    a_tk = b_tk Σ_j a_{t-1,j} P_jk,

which is p(x_1, ..., x_t, z_t = k) but for a factor of the row. A row whose sum falls below 1e-50 is
multiplied by 2¹⁶⁶, so that no step waits for a division. Over its sum the row is the filtered
distribution α_tk = p(z_t = k | x_1, ..., x_t). Backwards (Kim 1994), with the prediction
q_tk = Σ_j α_{t-1,j} P_jk,

    ξ_tjk = α_{t-1,j} P_jk γ_tk / q_tk,   γ_{t-1,j} = Σ_k ξ_tjk,

since given z_t the past does not depend on what comes later. Densities are not needed again, every
number is a probability, and pair probabilities are summed without being stored.

Products of doubles lose what is below 1e-308, which matters if it is all that is left later on.
Two rules make sure that it does not. The sum of a row must not fall below 1e-100 at once. And a
state with less than 1e-200 of its row must not matter: it does not if all of P is at least 1e-100,
since whatever it leads to is then reached from another with at least 1e-100 of the probability; nor
if no path leads to it, so that it is exactly 0. Otherwise the sequence is left to logarithms.

C.-J. Kim (1994). Dynamic linear models with Markov-switching. *Journal of Econometrics* 60, 1-22.
"""

import numpy as np

from latentfit.em.primitives._exp import exp
from latentfit.em.primitives._jit import reordered

# States are padded with zeros to a multiple of this.
WIDTH = 4
LEAST_TRANSITION = 1e-100
LEAST_SUM = 1e-100
LOW_SUM = 1e-50
LIFT = 2.0**166
_LEAST_STATE = 1e-200


@reordered
def scale(log_b: np.ndarray, begin: int, rows: int, b: np.ndarray) -> float:
    """Rows of b from log densities; the sum of the logarithms of what they were divided by."""
    states, width = log_b.shape[1], b.shape[1]
    height = 0.0
    for i in range(rows):
        largest = log_b[begin + i, 0]
        for k in range(1, states):
            value = log_b[begin + i, k]
            largest = value if value > largest else largest
        # A row of -inf would otherwise become -inf less -inf.
        largest = 0.0 if largest == -np.inf else largest
        height += largest
        for k in range(states):
            b[i, k] = log_b[begin + i, k] - largest
        for k in range(states, width):
            b[i, k] = -np.inf
    flat = b.ravel()
    for i in range(rows * width):
        flat[i] = exp(flat[i])
    return height


@reordered
def multiply(left: np.ndarray, P: np.ndarray, out: np.ndarray) -> None:  # noqa: N803
    """Σ_j left_j P_jk, four k at a time."""
    for k in range(0, P.shape[1], WIDTH):
        a = b = c = d = 0.0
        for j in range(P.shape[0]):
            weight = left[j]
            a += weight * P[j, k]
            b += weight * P[j, k + 1]
            c += weight * P[j, k + 2]
            d += weight * P[j, k + 3]
        out[k], out[k + 1], out[k + 2], out[k + 3] = a, b, c, d


@reordered
def forward(
    b: np.ndarray,
    rows: int,
    P: np.ndarray,  # noqa: N803
    reached: np.ndarray,
    a: np.ndarray,
    sums: np.ndarray,
) -> int:
    """Fill rows of a, and their sums; the number of lifted rows, or -1 if a sum is too small.

    `reached` is Σ_j a_{t-1,j} P_jk of the block's first row, at the beginning the start, and in the
    end that of the next block.
    """
    width = P.shape[1]
    lifted = 0
    for i in range(rows):
        total = 0.0
        for k in range(width):
            a[i, k] = reached[k] * b[i, k]
            total += a[i, k]
        # Also if it is NaN.
        if not total > LOW_SUM:
            if not total > LEAST_SUM:
                return -1
            for k in range(width):
                a[i, k] *= LIFT
            total *= LIFT
            lifted += 1
        sums[i] = total
        multiply(a[i], P, reached)
    return lifted


@reordered
def settle(a: np.ndarray, rows: int, sums: np.ndarray, begin: int, alpha: np.ndarray) -> bool:
    """Rows of α from those of a; whether one has a state with next to nothing."""
    little = False
    for i in range(rows):
        share = 1.0 / sums[i]
        for k in range(alpha.shape[1]):
            alpha[begin + i, k] = a[i, k] * share
            little |= alpha[begin + i, k] < _LEAST_STATE
    return little


@reordered
def unreached(
    alpha: np.ndarray,
    begin: int,
    end: int,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    log_b: np.ndarray,
) -> bool:
    """Whether no path leads to any state that has next to nothing."""
    states = len(start)
    for t in range(begin, end):
        for k in range(states):
            if alpha[t, k] >= _LEAST_STATE or log_b[t, k] == -np.inf:
                continue
            if t == 0:
                if start[k] > 0.0:
                    return False
                continue
            for j in range(states):
                if alpha[t - 1, j] > 0.0 and P[j, k] > 0.0:
                    return False
    return True


@reordered
def backward(
    z: np.ndarray,
    P: np.ndarray,  # noqa: N803
    P_transposed: np.ndarray,  # noqa: N803
    a: np.ndarray,
    w: np.ndarray,
    pairs: np.ndarray,
) -> None:
    """γ in the place of α, and Σ_t α_{t-1,j} γ_tk / q_tk added to `pairs`."""
    states, width = z.shape[1], len(w)
    for back in range(1, len(z)):
        t = len(z) - back
        a[:states] = z[t - 1]
        multiply(a, P, w)
        for k in range(states):
            w[k] = z[t, k] / w[k] if w[k] > 0.0 else 0.0
        for j in range(states):
            for k in range(width):
                pairs[j, k] += a[j] * w[k]
        multiply(w, P_transposed, a)
        total = 0.0
        for j in range(states):
            a[j] *= z[t - 1, j]
            total += a[j]
        # 1 but for rounding errors, which would add up.
        total = 1.0 / total
        for j in range(states):
            z[t - 1, j] = a[j] * total

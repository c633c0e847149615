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

from latentfit.em.primitives._compiled.exp import exp
from latentfit.em.primitives._compiled.jit import fused, reordered

# States are padded with zeros to a multiple of this.
WIDTH = 4
LEAST_TRANSITION = 1e-100
LEAST_SUM = 1e-100
LOW_SUM = 1e-50
LIFT = 2.0**166
LEAST_STATE = 1e-200


@fused
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
    exponentials(b, rows)
    return height


@reordered
def exponentials(b: np.ndarray, rows: int) -> None:
    """exp(b) in its place."""
    flat = b.ravel()
    for i in range(rows * b.shape[1]):
        flat[i] = exp(flat[i])


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
    alpha: np.ndarray,
) -> tuple[int, float, bool]:
    """Fill rows of α, the normalised ones of a.

    `reached` is Σ_j a_{t-1,j} P_jk of the first row, at the beginning the start, and in the end
    that of the row after the last. Returned are the number of lifted rows, or -1 if a sum is too
    small, the sum of the last row of a, and whether a row has a state with next to nothing.
    """
    states, width = P.shape[0], P.shape[1]
    lifted, little, total = 0, False, 0.0
    for i in range(rows):
        for k in range(width):
            a[k] = reached[k] * b[i, k]
        total = 0.0
        for k in range(width):
            total += a[k]
        # Also if it is NaN.
        if not total > LOW_SUM:
            if not total > LEAST_SUM:
                return -1, total, little
            for k in range(width):
                a[k] *= LIFT
            total *= LIFT
            lifted += 1
        share = 1.0 / total
        for k in range(alpha.shape[1]):
            alpha[i, k] = a[k] * share
            little |= alpha[i, k] < LEAST_STATE
        multiply(a[:states], P, reached)
    return lifted, total, little


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
            if alpha[t, k] >= LEAST_STATE or log_b[t, k] == -np.inf:
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
def predict(
    alpha: np.ndarray,
    begin: int,
    rows: int,
    P: np.ndarray,  # noqa: N803
    inverse: np.ndarray,
) -> None:
    """1 / q of rows other than the first of a sequence, and 0 where q is 0."""
    states, width = P.shape
    for i in range(rows):
        for k in range(width):
            inverse[i, k] = 0.0
        for j in range(min(states, alpha.shape[1])):
            weight = alpha[begin + i - 1, j]
            for k in range(width):
                inverse[i, k] += weight * P[j, k]
    invert(inverse, rows)


@reordered
def invert(q: np.ndarray, rows: int) -> None:
    """1 / q in its place, and 0 where q is 0."""
    flat = q.ravel()
    for i in range(rows * q.shape[1]):
        flat[i] = 1.0 / flat[i] if flat[i] > 0.0 else 0.0


@reordered
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
    """γ in the place of α of the rows before those of the block; Σ α_{t-1,j} γ_tk / q_tk.

    `gamma` is that of the block's last row, and becomes that of the row before the block.
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
    # The sum is 1 but for rounding errors, which add up.
    total = gamma.sum()
    for k in range(width):
        gamma[k] /= total

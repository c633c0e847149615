"""Recursions of hidden Markov chains of at most four states, many pieces of sequences side by side.

A step of a recursion waits for the step before, and a processor could do much more meanwhile. So
steps of `LANES` pieces are taken at once, and a register holds the same number of several pieces.
`chain_lanes` has the mathematics.

A table has a row for each time of the pieces, and in a row `LANES` numbers next to one another for
each quantity and state. What is at fixed distances in one array, the compiler need not suppose to
overlap.
"""

import math

import numpy as np

from latentfit.em.primitives._compiled.exp import exp
from latentfit.em.primitives._compiled.jit import fused

STATES = 4
# A multiple of the doubles in a register, and enough for a loop to be worth vectorising.
LANES = 24

Four = tuple[float, float, float, float]
Square = tuple[Four, Four, Four, Four]

# Of a row of a table, after b of the four states.
ALPHA, C, GAMMA = 4 * LANES, 8 * LANES, 9 * LANES
WIDTH = 13 * LANES
# Of what goes from row to row: q or β, the product of all c, how often it was lifted, the least c.
PRODUCT, LIFTED, LEAST = 4 * LANES, 5 * LANES, 6 * LANES
STATE = 7 * LANES
# Of a product of matrices: the matrix, row by row, and one over its sum.
SHARE = 16 * LANES
MATRIX = 17 * LANES

_LOW, _LIFT = 1e-150, 2.0**500
LOG_LIFT = 500 * math.log(2.0)


@fused
def _get(x: np.ndarray, at: int) -> Four:
    return x[at], x[at + LANES], x[at + 2 * LANES], x[at + 3 * LANES]


@fused
def _put(x: np.ndarray, at: int, v: Four) -> None:
    x[at], x[at + LANES], x[at + 2 * LANES], x[at + 3 * LANES] = v


@fused
def _square(x: np.ndarray) -> Square:
    return (
        (x[0, 0], x[0, 1], x[0, 2], x[0, 3]),
        (x[1, 0], x[1, 1], x[1, 2], x[1, 3]),
        (x[2, 0], x[2, 1], x[2, 2], x[2, 3]),
        (x[3, 0], x[3, 1], x[3, 2], x[3, 3]),
    )


@fused
def _times(u: Four, v: Four) -> Four:
    return u[0] * v[0], u[1] * v[1], u[2] * v[2], u[3] * v[3]


@fused
def _by(s: float, v: Four) -> Four:
    return s * v[0], s * v[1], s * v[2], s * v[3]


@fused
def _plus(u: Four, v: Four) -> Four:
    return u[0] + v[0], u[1] + v[1], u[2] + v[2], u[3] + v[3]


@fused
def _sum(v: Four) -> float:
    return (v[0] + v[1]) + (v[2] + v[3])


@fused
def _multiply(v: Four, P: Square) -> Four:  # noqa: N803
    # A chain of fused products and sums: other pieces fill the time that each waits for another.
    sums = _plus(_by(v[1], P[1]), _by(v[0], P[0]))
    sums = _plus(_by(v[2], P[2]), sums)
    return _plus(_by(v[3], P[3]), sums)


@fused
def load(
    log_b: np.ndarray,
    begins: np.ndarray,
    lengths: np.ndarray,
    table: np.ndarray,
    height: np.ndarray,
) -> None:
    """Rows of b; the sums of the logarithms of what they were divided by.

    Pieces are in the order of their lengths, the longest first. A row after the end of one has
    ones.
    """
    states, active = log_b.shape[1], len(lengths)
    for i in range(LANES):
        height[i] = 0.0
    for t in range(lengths[0]):
        row = table[t]
        while lengths[active - 1] <= t:
            active -= 1
        if states == STATES:
            for i in range(active):
                at = begins[i] + t
                a, b, c, d = log_b[at, 0], log_b[at, 1], log_b[at, 2], log_b[at, 3]
                row[i], row[LANES + i], row[2 * LANES + i], row[3 * LANES + i] = a, b, c, d
        else:
            for i in range(active):
                for k in range(STATES):
                    row[k * LANES + i] = log_b[begins[i] + t, k] if k < states else -np.inf
        for i in range(active, LANES):
            row[i] = row[LANES + i] = row[2 * LANES + i] = row[3 * LANES + i] = 0.0
        for i in range(LANES):
            v = _get(row, i)
            first = v[1] if v[1] > v[0] else v[0]
            second = v[3] if v[3] > v[2] else v[2]
            largest = second if second > first else first
            # A row of -inf would otherwise become -inf less -inf.
            largest = 0.0 if largest == -np.inf else largest
            height[i] += largest
            b = exp(v[0] - largest), exp(v[1] - largest), exp(v[2] - largest), exp(v[3] - largest)
            _put(row, i, b)


@fused
def forward(
    table: np.ndarray,
    begin: int,
    end: int,
    P: np.ndarray,  # noqa: N803
    state: np.ndarray,
) -> None:
    """α and c of rows from `begin` to before `end`; from the prediction for one to the next."""
    square = _square(P)
    for t in range(begin, end):
        row = table[t]
        for i in range(LANES):
            joint = _times(_get(state, i), _get(row, i))
            c = _sum(joint)
            # After the end of a piece too, from where P may lead nowhere, numbers are to be finite.
            divisor = 1.0 if c == 0.0 else c
            row[C + i] = divisor
            alpha = _by(1.0 / divisor, joint)
            _put(row, ALPHA + i, alpha)
            _put(state, i, _multiply(alpha, square))
            product = state[PRODUCT + i] * divisor
            low = product < _LOW
            state[PRODUCT + i] = product * (_LIFT if low else 1.0)
            state[LIFTED + i] += 1.0 if low else 0.0
            least = state[LEAST + i]
            # Also if c is NaN, as all later ones then are.
            state[LEAST + i] = least if c >= least else c


@fused
def backward(
    table: np.ndarray,
    begin: int,
    end: int,
    P_transposed: np.ndarray,  # noqa: N803
    state: np.ndarray,
) -> None:
    """γ, and u in the place of b, of rows from before `end` back to `begin`; β in `state`."""
    square = _square(P_transposed)
    for back in range(end - begin):
        row = table[end - 1 - back]
        for i in range(LANES):
            beta = _get(state, i)
            _put(row, GAMMA + i, _times(_get(row, ALPHA + i), beta))
            u = _by(1.0 / row[C + i], _times(_get(row, i), beta))
            _put(row, i, u)
            _put(state, i, _multiply(u, square))


@fused
def pairs(table: np.ndarray, rows: int, sums: np.ndarray) -> None:
    """Σ_t α_{t-1,j} u_tk of each piece."""
    for t in range(1, rows):
        before, row = table[t - 1], table[t]
        for i in range(LANES):
            alpha, u = _get(before, ALPHA + i), _get(row, i)
            _put(sums, i, _plus(_get(sums, i), _by(alpha[0], u)))
            _put(sums, 4 * LANES + i, _plus(_get(sums, 4 * LANES + i), _by(alpha[1], u)))
            _put(sums, 8 * LANES + i, _plus(_get(sums, 8 * LANES + i), _by(alpha[2], u)))
            _put(sums, 12 * LANES + i, _plus(_get(sums, 12 * LANES + i), _by(alpha[3], u)))


@fused
def store(table: np.ndarray, begins: np.ndarray, lengths: np.ndarray, z: np.ndarray) -> None:
    """Rows of γ where they belong."""
    states, active = z.shape[1], len(lengths)
    for t in range(lengths[0]):
        row = table[t, GAMMA:]
        while lengths[active - 1] <= t:
            active -= 1
        if states == STATES:
            for i in range(active):
                at = begins[i] + t
                z[at, 0], z[at, 1], z[at, 2], z[at, 3] = _get(row, i)
        else:
            for i in range(active):
                for k in range(states):
                    z[begins[i] + t, k] = row[k * LANES + i]


@fused
def product(
    table: np.ndarray,
    begin: int,
    end: int,
    P: np.ndarray,  # noqa: N803
    matrix: np.ndarray,
) -> None:
    """Go on from M to M P diag(b) with rows from `begin` to before `end`; diag(b) in row 0."""
    square = _square(P)
    for t in range(begin, end):
        row = table[t]
        if t == 0:
            for i in range(LANES):
                b = _get(row, i)
                _put(matrix, i, (b[0], 0.0, 0.0, 0.0))
                _put(matrix, 4 * LANES + i, (0.0, b[1], 0.0, 0.0))
                _put(matrix, 8 * LANES + i, (0.0, 0.0, b[2], 0.0))
                _put(matrix, 12 * LANES + i, (0.0, 0.0, 0.0, b[3]))
        else:
            for j in range(STATES):
                _advance(matrix, 4 * j * LANES, row, square)
        for i in range(LANES):
            first = _sum(_get(matrix, i)) + _sum(_get(matrix, 4 * LANES + i))
            total = first + (_sum(_get(matrix, 8 * LANES + i)) + _sum(_get(matrix, 12 * LANES + i)))
            matrix[SHARE + i] = 1.0 / total


@fused
def _advance(matrix: np.ndarray, at: int, row: np.ndarray, square: Square) -> None:
    for i in range(LANES):
        b = _by(matrix[SHARE + i], _get(row, i))
        _put(matrix, at + i, _times(_multiply(_get(matrix, at + i), square), b))

"""Recursions of hidden Markov chains of at most four states, for a batch of segments at once.

Each step of a recursion waits for the result of the step before, which leaves most of the
processor idle. The recursions here therefore take each step for `BATCH_SIZE` segments at once, and
one register holds the same quantity of several segments. The mathematics is in `chain_batched`.

A batch is stored in a table with one row for each time, shape (`MAX_SEGMENT_ROWS`, `TABLE_WIDTH`).
A row contains, for each quantity and state, `BATCH_SIZE` adjacent numbers, one for each segment.
All quantities are in one array at fixed distances because the compiler then knows that they do not
overlap. The constants ``..._AT`` are the positions of the quantities in the row; b, the density of
four states, is at position 0.

Segments are sorted by length, the longest first. Rows after the end of a segment contain ones as
densities.
"""

import math

import numpy as np

from latentfit.em.primitives._compiled.exp import exp
from latentfit.em.primitives._compiled.jit import jit_fma

MAX_STATES = 4
# Segments in a batch: a multiple of the number of doubles in a register, and enough for the
# compiler to vectorise the loop over them.
BATCH_SIZE = 24

_Vector = tuple[float, float, float, float]
_Matrix = tuple[_Vector, _Vector, _Vector, _Vector]

# Positions in a row of the table, after b: α (four states), the sum c, γ (four states).
ALPHA_AT, C_AT, GAMMA_AT = 4 * BATCH_SIZE, 8 * BATCH_SIZE, 9 * BATCH_SIZE
TABLE_WIDTH = 13 * BATCH_SIZE
# Positions in the state of a recursion, after the prediction q or β of four states: the product
# of all c, the number of times that it was rescaled, and the smallest c.
PRODUCT_AT, RESCALED_AT, SMALLEST_C_AT = 4 * BATCH_SIZE, 5 * BATCH_SIZE, 6 * BATCH_SIZE
RECURSION_WIDTH = 7 * BATCH_SIZE
# Position in a transfer matrix, after its 16 entries in C order: 1 / the sum of the entries.
INVERSE_SUM_AT = 16 * BATCH_SIZE
TRANSFER_WIDTH = 17 * BATCH_SIZE

_RESCALED_BELOW, _RESCALE_FACTOR = 1e-150, 2.0**500
LOG_RESCALE_FACTOR = 500 * math.log(2.0)


@jit_fma
def _read(x: np.ndarray, at: int) -> _Vector:
    return x[at], x[at + BATCH_SIZE], x[at + 2 * BATCH_SIZE], x[at + 3 * BATCH_SIZE]


@jit_fma
def _write(x: np.ndarray, at: int, v: _Vector) -> None:
    x[at], x[at + BATCH_SIZE], x[at + 2 * BATCH_SIZE], x[at + 3 * BATCH_SIZE] = v


@jit_fma
def _matrix(x: np.ndarray) -> _Matrix:
    return (
        (x[0, 0], x[0, 1], x[0, 2], x[0, 3]),
        (x[1, 0], x[1, 1], x[1, 2], x[1, 3]),
        (x[2, 0], x[2, 1], x[2, 2], x[2, 3]),
        (x[3, 0], x[3, 1], x[3, 2], x[3, 3]),
    )


@jit_fma
def _multiply(u: _Vector, v: _Vector) -> _Vector:
    return u[0] * v[0], u[1] * v[1], u[2] * v[2], u[3] * v[3]


@jit_fma
def _scale(s: float, v: _Vector) -> _Vector:
    return s * v[0], s * v[1], s * v[2], s * v[3]


@jit_fma
def _add(u: _Vector, v: _Vector) -> _Vector:
    return u[0] + v[0], u[1] + v[1], u[2] + v[2], u[3] + v[3]


@jit_fma
def _sum(v: _Vector) -> float:
    return (v[0] + v[1]) + (v[2] + v[3])


@jit_fma
def _multiply_matrix(v: _Vector, P: _Matrix) -> _Vector:  # noqa: N803
    # A chain of dependent fused multiply-adds needs the fewest instructions. While each waits for
    # the one before, the processor computes other segments.
    sums = _add(_scale(v[1], P[1]), _scale(v[0], P[0]))
    sums = _add(_scale(v[2], P[2]), sums)
    return _add(_scale(v[3], P[3]), sums)


@jit_fma
def load_densities(
    log_b: np.ndarray,
    begins: np.ndarray,
    lengths: np.ndarray,
    table: np.ndarray,
    log_scales: np.ndarray,
) -> None:
    """Fill the densities b of a batch from log_b, shape (rows, K).

    Segment i consists of `lengths[i]` rows from row `begins[i]` on. Each row of b is divided by
    its largest entry; `log_scales`, shape (`BATCH_SIZE`,), is filled with the sum over the rows of
    the logarithms of these.
    """
    states, active = log_b.shape[1], len(lengths)
    for i in range(BATCH_SIZE):
        log_scales[i] = 0.0
    for t in range(lengths[0]):
        row = table[t]
        while lengths[active - 1] <= t:
            active -= 1
        if states == MAX_STATES:
            for i in range(active):
                at = begins[i] + t
                v = log_b[at, 0], log_b[at, 1], log_b[at, 2], log_b[at, 3]
                _write(row, i, v)
        else:
            for i in range(active):
                for k in range(MAX_STATES):
                    row[k * BATCH_SIZE + i] = log_b[begins[i] + t, k] if k < states else -np.inf
        for i in range(active, BATCH_SIZE):
            _write(row, i, (0.0, 0.0, 0.0, 0.0))
        for i in range(BATCH_SIZE):
            v = _read(row, i)
            first = v[1] if v[1] > v[0] else v[0]
            second = v[3] if v[3] > v[2] else v[2]
            largest = second if second > first else first
            # Subtracting the maximum from a row of -inf would give NaN.
            largest = 0.0 if largest == -np.inf else largest
            log_scales[i] += largest
            b = exp(v[0] - largest), exp(v[1] - largest), exp(v[2] - largest), exp(v[3] - largest)
            _write(row, i, b)


@jit_fma
def forward(
    table: np.ndarray,
    begin: int,
    end: int,
    P: np.ndarray,  # noqa: N803
    state: np.ndarray,
) -> None:
    """Fill α and c of the rows `begin` to `end` - 1.

    `state` contains the prediction q of row `begin`; it is replaced by that of row `end`.
    """
    matrix = _matrix(P)
    for t in range(begin, end):
        row = table[t]
        for i in range(BATCH_SIZE):
            joint = _multiply(_read(state, i), _read(row, i))
            c = _sum(joint)
            # After the end of a segment q may be 0, if P has rows of zeros; α must be finite.
            divisor = 1.0 if c == 0.0 else c
            row[C_AT + i] = divisor
            alpha = _scale(1.0 / divisor, joint)
            _write(row, ALPHA_AT + i, alpha)
            _write(state, i, _multiply_matrix(alpha, matrix))
            product = state[PRODUCT_AT + i] * divisor
            low = product < _RESCALED_BELOW
            state[PRODUCT_AT + i] = product * (_RESCALE_FACTOR if low else 1.0)
            state[RESCALED_AT + i] += 1.0 if low else 0.0
            smallest = state[SMALLEST_C_AT + i]
            # If c is NaN, all later c are, too: the comparison keeps the last one.
            state[SMALLEST_C_AT + i] = smallest if c >= smallest else c


@jit_fma
def backward(
    table: np.ndarray,
    begin: int,
    end: int,
    P_transposed: np.ndarray,  # noqa: N803
    state: np.ndarray,
) -> None:
    """Fill γ, and u in the place of b, of the rows `end` - 1 to `begin`.

    `state` contains β of row `end` - 1; it is replaced by that of row `begin` - 1.
    """
    matrix = _matrix(P_transposed)
    for back in range(end - begin):
        row = table[end - 1 - back]
        for i in range(BATCH_SIZE):
            beta = _read(state, i)
            _write(row, GAMMA_AT + i, _multiply(_read(row, ALPHA_AT + i), beta))
            u = _scale(1.0 / row[C_AT + i], _multiply(_read(row, i), beta))
            _write(row, i, u)
            _write(state, i, _multiply_matrix(u, matrix))


@jit_fma
def add_pairs(table: np.ndarray, rows: int, sums: np.ndarray) -> None:
    """Add Σ_t α_{t-1,j} u_tk of each segment to `sums`, shape (16 * `BATCH_SIZE`,)."""
    for t in range(1, rows):
        before, row = table[t - 1], table[t]
        for i in range(BATCH_SIZE):
            alpha, u = _read(before, ALPHA_AT + i), _read(row, i)
            at = i
            _write(sums, at, _add(_read(sums, at), _scale(alpha[0], u)))
            at += 4 * BATCH_SIZE
            _write(sums, at, _add(_read(sums, at), _scale(alpha[1], u)))
            at += 4 * BATCH_SIZE
            _write(sums, at, _add(_read(sums, at), _scale(alpha[2], u)))
            at += 4 * BATCH_SIZE
            _write(sums, at, _add(_read(sums, at), _scale(alpha[3], u)))


@jit_fma
def store_gamma(table: np.ndarray, begins: np.ndarray, lengths: np.ndarray, z: np.ndarray) -> None:
    """Copy γ of each segment to its rows of z, shape (rows, K)."""
    states, active = z.shape[1], len(lengths)
    for t in range(lengths[0]):
        row = table[t, GAMMA_AT:]
        while lengths[active - 1] <= t:
            active -= 1
        if states == MAX_STATES:
            for i in range(active):
                at = begins[i] + t
                z[at, 0], z[at, 1], z[at, 2], z[at, 3] = _read(row, i)
        else:
            for i in range(active):
                for k in range(states):
                    z[begins[i] + t, k] = row[k * BATCH_SIZE + i]


@jit_fma
def extend_transfer(
    table: np.ndarray,
    begin: int,
    end: int,
    P: np.ndarray,  # noqa: N803
    transfer: np.ndarray,
) -> None:
    """Replace the transfer matrix M by M P diag(b) for each of the rows `begin` to `end` - 1.

    M starts as diag(b) in row 0. Each M is divided by the sum of its entries before the next step.
    """
    matrix = _matrix(P)
    for t in range(begin, end):
        row = table[t]
        if t == 0:
            for i in range(BATCH_SIZE):
                b = _read(row, i)
                _write(transfer, i, (b[0], 0.0, 0.0, 0.0))
                _write(transfer, 4 * BATCH_SIZE + i, (0.0, b[1], 0.0, 0.0))
                _write(transfer, 8 * BATCH_SIZE + i, (0.0, 0.0, b[2], 0.0))
                _write(transfer, 12 * BATCH_SIZE + i, (0.0, 0.0, 0.0, b[3]))
        else:
            for j in range(MAX_STATES):
                _extend_transfer_row(transfer, 4 * j * BATCH_SIZE, row, matrix)
        for i in range(BATCH_SIZE):
            first = _sum(_read(transfer, i)) + _sum(_read(transfer, 4 * BATCH_SIZE + i))
            second = _sum(_read(transfer, 8 * BATCH_SIZE + i)) + _sum(
                _read(transfer, 12 * BATCH_SIZE + i)
            )
            transfer[INVERSE_SUM_AT + i] = 1.0 / (first + second)


@jit_fma
def _extend_transfer_row(transfer: np.ndarray, at: int, row: np.ndarray, P: _Matrix) -> None:  # noqa: N803
    for i in range(BATCH_SIZE):
        b = _scale(transfer[INVERSE_SUM_AT + i], _read(row, i))
        _write(transfer, at + i, _multiply(_multiply_matrix(_read(transfer, at + i), P), b))

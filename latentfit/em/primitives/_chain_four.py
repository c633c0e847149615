"""The recursions of `_chain_scaled` for four states and fewer, in the processor's registers.

Rows of a and P are tuples, which Numba keeps out of memory: a step then takes as long as the
products and sums that depend on one another, a sixth of what it takes to write each row and read it
back.
"""

import numpy as np

from latentfit.em.primitives._chain_scaled import (
    LEAST_STATE,
    LEAST_SUM,
    LIFT,
    LOW_SUM,
    exponentials,
    invert,
)
from latentfit.em.primitives._jit import fused, reordered

Four = tuple[float, float, float, float]
Square = tuple[Four, Four, Four, Four]


@reordered
def _row(x: np.ndarray, t: int) -> Four:
    return x[t, 0], x[t, 1], x[t, 2], x[t, 3]


@reordered
def _square(x: np.ndarray) -> Square:
    return _row(x, 0), _row(x, 1), _row(x, 2), _row(x, 3)


@reordered
def _put(x: np.ndarray, t: int, v: Four) -> None:
    x[t, 0], x[t, 1], x[t, 2], x[t, 3] = v


@reordered
def _times(u: Four, v: Four) -> Four:
    return u[0] * v[0], u[1] * v[1], u[2] * v[2], u[3] * v[3]


@reordered
def _by(s: float, v: Four) -> Four:
    return s * v[0], s * v[1], s * v[2], s * v[3]


@reordered
def _plus(u: Four, v: Four) -> Four:
    return u[0] + v[0], u[1] + v[1], u[2] + v[2], u[3] + v[3]


@reordered
def _sum(v: Four) -> float:
    return (v[0] + v[1]) + (v[2] + v[3])


@reordered
def _multiply(v: Four, P: Square) -> Four:  # noqa: N803
    first = _plus(_by(v[0], P[0]), _by(v[1], P[1]))
    return _plus(first, _plus(_by(v[2], P[2]), _by(v[3], P[3])))


@reordered
def _get(z: np.ndarray, t: int, padding: float) -> Four:
    states = z.shape[1]
    return (
        z[t, 0],
        z[t, 1] if states > 1 else padding,
        z[t, 2] if states > 2 else padding,
        z[t, 3] if states > 3 else padding,
    )


@reordered
def _set(z: np.ndarray, t: int, v: Four) -> None:
    states = z.shape[1]
    z[t, 0] = v[0]
    if states > 1:
        z[t, 1] = v[1]
    if states > 2:
        z[t, 2] = v[2]
    if states > 3:
        z[t, 3] = v[3]


@reordered
def _smallest(v: Four, states: int) -> float:
    least = v[0]
    if states > 1:
        least = min(least, v[1])
    if states > 2:
        least = min(least, v[2])
    if states > 3:
        least = min(least, v[3])
    return least


@fused
def scale(log_b: np.ndarray, begin: int, rows: int, b: np.ndarray) -> float:
    """`_chain_scaled.scale`."""
    height = 0.0
    for i in range(rows):
        row = _get(log_b, begin + i, -np.inf)
        first = row[1] if row[1] > row[0] else row[0]
        second = row[3] if row[3] > row[2] else row[2]
        largest = second if second > first else first
        largest = 0.0 if largest == -np.inf else largest
        height += largest
        _put(b, i, _plus(row, (-largest, -largest, -largest, -largest)))
    exponentials(b, rows)
    return height


@reordered
def forward(
    b: np.ndarray,
    rows: int,
    P: np.ndarray,  # noqa: N803
    reached: np.ndarray,
    alpha: np.ndarray,
) -> tuple[int, float, bool]:
    """`_chain_scaled.forward`."""
    square = _square(P)
    ahead = reached[0], reached[1], reached[2], reached[3]
    lifted, least, total = 0, 1.0, 0.0
    for i in range(rows):
        row = _times(ahead, _row(b, i))
        total = _sum(row)
        if not total > LOW_SUM:
            if not total > LEAST_SUM:
                return -1, total, False
            row = _by(LIFT, row)
            total *= LIFT
            lifted += 1
        # The next step does not wait for this.
        share = _by(1.0 / total, row)
        _set(alpha, i, share)
        least = min(least, _smallest(share, alpha.shape[1]))
        ahead = _multiply(row, square)
    reached[0], reached[1], reached[2], reached[3] = ahead
    return lifted, total, least < LEAST_STATE


@reordered
def predict(
    alpha: np.ndarray,
    begin: int,
    rows: int,
    P: np.ndarray,  # noqa: N803
    inverse: np.ndarray,
    before: np.ndarray,
) -> None:
    """`_chain_scaled.predict`, and columns of α of the rows before."""
    square = _square(P)
    for i in range(rows):
        row = _get(alpha, begin + i - 1, 0.0)
        before[0, i], before[1, i], before[2, i], before[3, i] = row
        _put(inverse, i, _multiply(row, square))
    invert(inverse, rows)


@reordered
def backward(
    z: np.ndarray,
    begin: int,
    rows: int,
    P_transposed: np.ndarray,  # noqa: N803
    inverse: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    gamma: np.ndarray,
    pairs: np.ndarray,
) -> None:
    """`_chain_scaled.backward`; `after` is where columns of γ / q are kept.

    Pairs are summed in the end, over as many rows at once as a register holds: their sums would
    not leave the recursion the registers that it needs.
    """
    square = _square(P_transposed)
    now = gamma[0], gamma[1], gamma[2], gamma[3]
    for back in range(1, rows + 1):
        i = rows - back
        w = _times(now, _row(inverse, i))
        after[0, i], after[1, i], after[2, i], after[3, i] = w
        row = before[0, i], before[1, i], before[2, i], before[3, i]
        now = _times(row, _multiply(w, square))
        _set(z, begin + i - 1, now)
    # The sum is 1 but for rounding errors, which add up.
    gamma[0], gamma[1], gamma[2], gamma[3] = _by(1.0 / _sum(now), now)
    for j in range(4):
        a = b = c = d = 0.0
        for i in range(rows):
            share = before[j, i]
            a += share * after[0, i]
            b += share * after[1, i]
            c += share * after[2, i]
            d += share * after[3, i]
        pairs[j, 0] += a
        pairs[j, 1] += b
        pairs[j, 2] += c
        pairs[j, 3] += d

"""The recursions of `_chain_scaled` for four states and fewer, in the processor's registers.

Rows of a and P are tuples, which Numba keeps out of memory: a step then takes as long as the
products and sums that depend on one another, a sixth of what it takes to write each row and read it
back.
"""

import numpy as np

from latentfit.em.primitives._chain_scaled import LEAST_SUM, LIFT, LOW_SUM
from latentfit.em.primitives._jit import reordered

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
def _quotient(u: float, v: float) -> float:
    return u / v if v > 0.0 else 0.0


@reordered
def forward(
    b: np.ndarray,
    rows: int,
    P: np.ndarray,  # noqa: N803
    reached: np.ndarray,
    a: np.ndarray,
    sums: np.ndarray,
) -> int:
    """`_chain_scaled.forward`."""
    square = _square(P)
    ahead = reached[0], reached[1], reached[2], reached[3]
    lifted = 0
    for i in range(rows):
        row = _times(ahead, _row(b, i))
        total = _sum(row)
        if not total > LOW_SUM:
            if not total > LEAST_SUM:
                return -1
            row = _by(LIFT, row)
            total *= LIFT
            lifted += 1
        sums[i] = total
        _put(a, i, row)
        ahead = _multiply(row, square)
    reached[0], reached[1], reached[2], reached[3] = ahead
    return lifted


@reordered
def _filtered(z: np.ndarray, t: int) -> Four:
    states = z.shape[1]
    return (
        z[t, 0],
        z[t, 1] if states > 1 else 0.0,
        z[t, 2] if states > 2 else 0.0,
        z[t, 3] if states > 3 else 0.0,
    )


@reordered
def backward(
    z: np.ndarray,
    P: np.ndarray,  # noqa: N803
    P_transposed: np.ndarray,  # noqa: N803
    pairs: np.ndarray,
) -> None:
    """`_chain_scaled.backward`."""
    square, transposed = _square(P), _square(P_transposed)
    p0, p1, p2, p3 = _square(pairs)
    states = z.shape[1]
    gamma = _filtered(z, len(z) - 1)
    for back in range(1, len(z)):
        t = len(z) - back
        row = _filtered(z, t - 1)
        q = _multiply(row, square)
        inverse = (
            _quotient(1.0, q[0]),
            _quotient(1.0, q[1]),
            _quotient(1.0, q[2]),
            _quotient(1.0, q[3]),
        )
        w = _times(gamma, inverse)
        p0, p1 = _plus(p0, _by(row[0], w)), _plus(p1, _by(row[1], w))
        p2, p3 = _plus(p2, _by(row[2], w)), _plus(p3, _by(row[3], w))
        gamma = _times(row, _multiply(w, transposed))
        # The sum is 1 but for rounding errors, which add up.
        share = 1.0 / _sum(gamma)
        z[t - 1, 0] = gamma[0] * share
        if states > 1:
            z[t - 1, 1] = gamma[1] * share
        if states > 2:
            z[t - 1, 2] = gamma[2] * share
        if states > 3:
            z[t - 1, 3] = gamma[3] * share
    _put(pairs, 0, p0)
    _put(pairs, 1, p1)
    _put(pairs, 2, p2)
    _put(pairs, 3, p3)

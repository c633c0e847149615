"""Forward-backward by the way that suits the chain.

Of many sequences at once where there are few states (`chain_lanes`), one by one where there are
more (`chain_scaled`), and on logarithms where products of probabilities would not be exact
(`chain_log`).
"""

import math

import numpy as np

from latentfit.em.primitives._check import ImpossibleRowError
from latentfit.em.primitives._compiled import chain_scaled as scaled
from latentfit.em.primitives._compiled.blocks import WIDE
from latentfit.em.primitives._compiled.chain_lanes import Sums, side_by_side
from latentfit.em.primitives._compiled.chain_log import forward_backward as logarithms
from latentfit.em.primitives._compiled.chain_scaled import LEAST_TRANSITION, LIFT, WIDTH
from latentfit.em.primitives._compiled.chunks import MOST_CHUNKS, spread
from latentfit.em.primitives._compiled.jit import reordered
from latentfit.em.primitives._compiled.lanes import STATES

_LOG_LIFT = math.log(LIFT)


def smoothed(
    log_b: np.ndarray,
    edges: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    z: np.ndarray,
) -> Sums:
    """Fill γ of all sequences."""
    found, left = [], np.arange(len(edges) - 1)
    if len(start) <= STATES:
        sums, left = side_by_side(log_b, edges, start, P, z)
        found.append(sums)
    if len(left):
        found.append(_one_by_one(log_b, edges, left, start, P, z))
    transitions = np.add.reduce([sums.transitions for sums in found])
    starts = np.add.reduce([sums.starts for sums in found])
    return Sums(transitions, starts, sum(sums.height for sums in found))


def _one_by_one(
    log_b: np.ndarray,
    edges: np.ndarray,
    which: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    z: np.ndarray,
) -> Sums:
    """Fill γ of some sequences, of any number of states."""
    states = len(start)
    ends = np.cumsum(edges[which + 1] - edges[which])
    rows = int(ends[-1])
    # Sequences are joined into chunks of about as many rows; how does not depend on threads.
    inner = np.searchsorted(ends, np.linspace(0, rows, MOST_CHUNKS + 1)[1:-1])
    cuts = np.unique([0, *inner, len(which)])
    chunks = len(cuts) - 1
    width = -(-states // WIDTH) * WIDTH
    forth, back = np.zeros((width, width)), np.zeros((width, width))
    forth[:states, :states], back[:states, :states] = P, P.T
    with np.errstate(all="ignore"):
        parameters = start, P, np.log(start), np.log(P), forth, back
    starts, transitions = np.zeros((chunks, states)), np.zeros((chunks, states, states))
    heights, bad = np.zeros(chunks), np.full(chunks, -1)
    work = rows * (8 * states + 4 * states**2)
    parts = edges, which, cuts, z, starts, transitions, heights, bad
    spread(_kernel, chunks, work, log_b, *parameters, *parts)
    if (bad >= 0).any():
        raise ImpossibleRowError(bad[bad >= 0][0])
    return Sums(transitions.sum(axis=0), starts.sum(axis=0), float(heights.sum()))


@reordered
def _kernel(
    first: int,
    last: int,
    log_b: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    log_start: np.ndarray,
    log_p: np.ndarray,
    forth: np.ndarray,
    back: np.ndarray,
    edges: np.ndarray,
    which: np.ndarray,
    cuts: np.ndarray,
    z: np.ndarray,
    starts: np.ndarray,
    transitions: np.ndarray,
    heights: np.ndarray,
    bad: np.ndarray,
) -> None:
    states, width = len(start), len(forth)
    positive, tiny = True, False
    for j in range(states):
        for k in range(states):
            positive = positive and P[j, k] >= LEAST_TRANSITION
            tiny = tiny or 0.0 < P[j, k] < LEAST_TRANSITION
    reached, gamma, row = np.empty(width), np.empty(width), np.empty(width)
    b, pairs = np.empty((WIDE, width)), np.empty((width, width))
    for chunk in range(first, last):
        for j in range(width):
            for k in range(width):
                pairs[j, k] = 0.0
        for s in which[cuts[chunk] : cuts[chunk + 1]]:
            seen, alpha = log_b[edges[s] : edges[s + 1]], z[edges[s] : edges[s + 1]]
            times = len(seen)
            exact, height, total = not tiny, 0.0, 1.0
            for k in range(width):
                reached[k] = start[k] if k < states else 0.0
            for begin in range(0, times, WIDE):
                rows = min(WIDE, times - begin)
                block = alpha[begin : begin + rows]
                height += scaled.scale(seen, begin, rows, b)
                lifted, total, little = scaled.forward(b, rows, forth, reached, row, block)
                exact = exact and lifted >= 0
                if exact and little and not positive:
                    exact = scaled.unreached(alpha, begin, begin + rows, start, P, seen)
                if not exact:
                    break
                height -= lifted * _LOG_LIFT
            if not exact:
                height, impossible = logarithms(seen, log_start, log_p, alpha, transitions[chunk])
                heights[chunk] += height
                if impossible >= 0:
                    bad[chunk] = edges[s] + impossible
                    return
                for k in range(states):
                    starts[chunk, k] += alpha[0, k]
                continue
            heights[chunk] += height + math.log(total)
            for k in range(width):
                gamma[k] = alpha[times - 1, k] if k < states else 0.0
            end = times
            while end > 1:
                rows = min(WIDE, end - 1)
                begin = end - rows
                scaled.predict(alpha, begin, rows, forth, b)
                scaled.backward(alpha, begin, rows, back, b, row, gamma, pairs)
                end = begin
            for k in range(states):
                starts[chunk, k] += alpha[0, k]
        for j in range(states):
            for k in range(states):
                transitions[chunk, j, k] += P[j, k] * pairs[j, k]

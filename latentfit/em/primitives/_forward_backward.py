"""Conditional distribution of the states of a hidden Markov chain.

    γ_tk = p(z_t = k | x),   ξ_jk = Σ_t p(z_{t-1} = j, z_t = k | x),   log p(x)

by the forward-backward recursions (Baum et al. 1970): of many sequences at once where there are
few states (`_chain_lanes`), one by one where there are more (`_chain_scaled`), and on logarithms
where products of probabilities would not be exact (`_chain_log`).

L. E. Baum, T. Petrie, G. Soules and N. Weiss (1970). A maximization technique occurring in the
statistical analysis of probabilistic functions of Markov chains. *Annals of Mathematical
Statistics* 41, 164-171.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives import _chain_scaled as scaled
from latentfit.em.primitives._blocks import WIDE
from latentfit.em.primitives._chain_lanes import Sums, side_by_side
from latentfit.em.primitives._chain_log import forward_backward as logarithms
from latentfit.em.primitives._chain_scaled import LEAST_TRANSITION, LIFT, WIDTH
from latentfit.em.primitives._check import numbers, room, shape, some
from latentfit.em.primitives._chunks import MOST_CHUNKS, spread
from latentfit.em.primitives._jit import reordered
from latentfit.em.primitives._lanes import STATES

_LOG_LIFT = math.log(LIFT)


class ChainStatistics(NamedTuple):
    """What the M step of a hidden Markov model needs, and log p(x | θ) besides.

    Attributes
    ----------
    z : ndarray, shape (rows, K)
        γ, the probabilities of the states at each time.
    transitions : ndarray, shape (K, K)
        ξ_jk, the expected number of transitions from j to k, over all sequences.
    starts : ndarray, shape (K,)
        The expected number of sequences that begin in k.
    log_likelihood : float
        Natural logarithm, over all sequences.
    """

    z: np.ndarray
    transitions: np.ndarray
    starts: np.ndarray
    log_likelihood: float


def forward_backward(
    log_b: Any,
    start: Any,
    P: Any,  # noqa: N803
    lengths: Any = None,
    *,
    out: Any = None,
) -> ChainStatistics:
    """State probabilities, expected transitions and log-likelihood of hidden Markov chains.

    Exact also where P or the start has zeros, densities are zero, or the data are all but
    impossible. Pair probabilities are not stored.

    Parameters
    ----------
    log_b : array_like, shape (rows, K)
        log p(x_t | z_t = k), natural logarithm. A row of zeros is a time at which nothing was seen.
    start : array_like, shape (K,)
        Distribution of the first state.
    P : array_like, shape (K, K)
        ``P[j, k]`` is the probability of going from j to k.
    lengths : array_like of int, optional
        Lengths of independent sequences of which the rows are made up, one after the other. By
        default they are one sequence.
    out : ndarray, shape (rows, K), optional
        Where γ is written: float64, contiguous, not `log_b`. By default a new array is.

    Returns
    -------
    ChainStatistics

    Raises
    ------
    TypeError
        Not of double precision, or lengths that are not integers.
    ValueError
        Shapes do not go together, lengths are not positive or do not add up to the rows, entries
        are masked, `out` cannot be written to, or a row has probability 0 in every state that can
        be reached.

    Notes
    -----
    In a sequence in which a density is NaN the state probabilities are NaN, and so is the
    log-likelihood.
    """
    log_b = some("log_b", numbers("log_b", log_b, 2))
    rows, states = log_b.shape
    start = shape("start", numbers("start", start, 1), (states,), "states")
    P = shape("P", numbers("P", P, 2), (states, states), "states, from and to")
    edges = _edges(lengths, rows)
    z = room(out, log_b.shape, log_b, start, P)
    found, left = [], np.arange(len(edges) - 1)
    if states <= STATES:
        sums, left = side_by_side(log_b, edges, start, P, z)
        found.append(sums)
    if len(left):
        found.append(_one_by_one(log_b, edges, left, start, P, z))
    transitions = np.add.reduce([sums.transitions for sums in found])
    starts = np.add.reduce([sums.starts for sums in found])
    return ChainStatistics(z, transitions, starts, sum(sums.height for sums in found))


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
        raise ValueError(
            f"row {bad[bad >= 0][0]} of log_b has probability 0 in every state that can be reached"
        )
    return Sums(transitions.sum(axis=0), starts.sum(axis=0), float(heights.sum()))


def _edges(lengths: Any, rows: int) -> np.ndarray:
    if lengths is None:
        return np.array([0, rows])
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths are {lengths.dtype}; expected integers")
    if lengths.ndim != 1 or not (lengths > 0).all() or lengths.sum() != rows:
        raise ValueError(
            f"lengths of shape {lengths.shape} add up to {lengths.sum()}; expected positive "
            f"numbers on one axis that add up to {rows}, the rows of log_b"
        )
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


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

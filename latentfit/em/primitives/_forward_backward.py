"""Conditional distribution of the states of a hidden Markov chain.

    γ_tk = p(z_t = k | x),   ξ_jk = Σ_t p(z_{t-1} = j, z_t = k | x),   log p(x)

by the forward-backward recursions (Baum et al. 1970). Forwards, with b_tk = p(x_t | z_t = k), the
prediction q_tk = p(z_t = k | x_1, ..., x_{t-1}) and α_tk = p(z_t = k | x_1, ..., x_t),

    q_tk = Σ_j α_{t-1,j} P_jk,   c_t = Σ_k q_tk b_tk,   α_tk = q_tk b_tk / c_t,   p(x) = Π_t c_t,

and backwards (Kim 1994), since given z_t the past does not depend on what comes later,

    ξ_tjk = α_{t-1,j} P_jk γ_tk / q_tk,   γ_{t-1,j} = Σ_k ξ_tjk,   γ_T = α_T.

L. E. Baum, T. Petrie, G. Soules and N. Weiss (1970). A maximization technique occurring in the
statistical analysis of probabilistic functions of Markov chains. *Annals of Mathematical
Statistics* 41, 164-171.

C.-J. Kim (1994). Dynamic linear models with Markov-switching. *Journal of Econometrics* 60, 1-22.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._check import ImpossibleRowError, numbers, room, shape, some
from latentfit.em.primitives._worth import compiling, compiling_recursion


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
    impossible.

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
        are masked, or `out` cannot be written to.
    ImpossibleRowError
        A row has probability 0 in every state that can be reached. It is a ValueError.

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
    if compiling(rows * states**2) or compiling_recursion(np.unique(np.diff(edges)).sum()):
        from latentfit.em.primitives._compiled.forward_backward import smoothed

        return ChainStatistics(z, *smoothed(log_b, edges, start, P, z))
    return ChainStatistics(z, *_smoothed(log_b, edges, start, P, z))


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


def _smoothed(
    log_b: np.ndarray,
    edges: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    z: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Fill γ; ξ, first states, and the log-likelihood."""
    transitions, starts, total = np.zeros(P.shape), np.zeros(len(P)), 0.0
    firsts, lengths = edges[:-1], np.diff(edges)
    impossible = []
    with np.errstate(all="ignore"):
        # Of what is far from 1 in all states, the logarithms would be left with few digits.
        largest = log_b.max(axis=1)
        largest[np.isneginf(largest)] = 0
        log_start, log_p, log_b = np.log(start), np.log(P), log_b - largest[:, None]
        # Sequences of one length go side by side: axes are time, sequence, state.
        for length in np.unique(lengths):
            rows = firsts[lengths == length] + np.arange(length)[:, None]
            q, alpha, c = _forward(log_start, log_p, log_b[rows])
            impossible.extend(rows[np.isneginf(c)])
            gamma, pairs = _backward(log_p, q, alpha)
            r = np.exp(gamma)
            z[rows] = r / r.sum(axis=2, keepdims=True)
            transitions += np.exp(pairs).sum(axis=(0, 1))
            starts += z[rows[0]].sum(axis=0)
            total += c.sum() + largest[rows].sum()
    if impossible:
        raise ImpossibleRowError(min(impossible))
    return transitions, starts, float(total)


def _forward(
    log_start: np.ndarray, log_p: np.ndarray, log_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logarithms of q, α and c."""
    q, alpha, c = np.empty(log_b.shape), np.empty(log_b.shape), np.empty(log_b.shape[:2])
    ahead = log_start
    for t, seen in enumerate(log_b):
        q[t], joint = ahead, ahead + seen
        c[t] = height = np.logaddexp.reduce(joint, axis=1)
        alpha[t] = row = joint - height[:, None]
        ahead = np.logaddexp.reduce(row[:, :, None] + log_p, axis=1)
    return q, alpha, c


def _backward(log_p: np.ndarray, q: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of γ and ξ."""
    # A state that cannot be reached has γ = q = 0, and takes no part.
    q = np.where(np.isneginf(q), 0, q)
    gamma, pairs = alpha.copy(), alpha[:-1, :, :, None] + log_p - q[1:, :, None]
    row = gamma[-1]
    for t in reversed(range(len(pairs))):
        pairs[t] += row[:, None]
        gamma[t] = row = np.logaddexp.reduce(pairs[t], axis=2)
    return gamma, pairs

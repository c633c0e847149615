"""Conditional distribution of the states of a hidden Markov chain.

The quantities are

    γ_tk = p(z_t = k | x),   ξ_jk = Σ_t p(z_{t-1} = j, z_t = k | x),   log p(x),

computed by the forward-backward recursions (Baum et al. 1970). The forward recursion uses
b_tk = p(x_t | z_t = k), the prediction q_tk = p(z_t = k | x_1, ..., x_{t-1}) and the filtered
distribution α_tk = p(z_t = k | x_1, ..., x_t):

    q_tk = Σ_j α_{t-1,j} P_jk,   c_t = Σ_k q_tk b_tk,   α_tk = q_tk b_tk / c_t,   p(x) = Π_t c_t.

The backward recursion (Kim 1994) uses that, given z_t, the past is independent of all later data:

    ξ_tjk = α_{t-1,j} P_jk γ_tk / q_tk,   γ_{t-1,j} = Σ_k ξ_tjk,   γ_T = α_T.

References
----------
L. E. Baum, T. Petrie, G. Soules and N. Weiss (1970). A maximization technique occurring in the
statistical analysis of probabilistic functions of Markov chains. *Annals of Mathematical
Statistics* 41, 164-171.

C.-J. Kim (1994). Dynamic linear models with Markov-switching. *Journal of Econometrics* 60, 1-22.
"""

from typing import Any, NamedTuple

import numpy as np

from latentfit.em.primitives._arguments import (
    float_array,
    output_array,
    require_entries,
    require_shape,
)
from latentfit.em.primitives._dispatch import use_compiled, use_compiled_recursion


class ImpossibleRowError(ValueError):
    """A row of a chain's log densities has probability 0 in every state that can be reached.

    Attributes
    ----------
    row : int
        Index of the row, counted from 0.
    """

    def __init__(self, row: int) -> None:
        self.row = int(row)
        super().__init__(f"log_b[{row}] has probability 0 in every state that can be reached")

    def __reduce__(self) -> tuple[type, tuple[int]]:
        """Pickle the error by its row, because the constructor does not take the message."""
        return type(self), (self.row,)


class ChainStatistics(NamedTuple):
    """Expected sufficient statistics of a hidden Markov chain, and the log-likelihood.

    Attributes
    ----------
    z : ndarray, shape (rows, K)
        γ_tk, the probability of each state at each time.
    transitions : ndarray, shape (K, K)
        ξ_jk, the expected number of transitions from state j to state k, over all sequences.
    starts : ndarray, shape (K,)
        Expected number of sequences that start in each state.
    log_likelihood : float
        log p(x), natural logarithm, summed over all sequences.
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
    """Compute state probabilities, expected transitions and log-likelihood of hidden Markov chains.

    The result is exact up to rounding also if `P` or `start` contains zeros, if densities are
    zero, or if the data are extremely improbable.

    Parameters
    ----------
    log_b : array_like, shape (rows, K)
        log p(x_t | z_t = k), natural logarithm. A row of zeros stands for a time without an
        observation.
    start : array_like, shape (K,)
        Distribution of the first state of each sequence.
    P : array_like, shape (K, K)
        ``P[j, k]`` is the probability of a transition from state j to state k.
    lengths : array_like of int, shape (sequences,), optional
        Lengths of the independent sequences whose rows follow one another in `log_b`. By default
        all rows form one sequence.
    out : ndarray, shape (rows, K), optional
        Array in which to write γ: float64, contiguous, not `log_b`. By default a new array is
        allocated.

    Returns
    -------
    ChainStatistics

    Raises
    ------
    TypeError
        An argument is not of double precision, or `lengths` are not integers.
    ValueError
        Shapes do not match, `lengths` are not positive or do not add up to the number of rows,
        entries are masked, or `out` cannot be written to.
    ImpossibleRowError
        A row has probability 0 in every state that can be reached. It is a ValueError.

    Notes
    -----
    In a sequence that contains a NaN log density, all state probabilities are NaN, and so is the
    log-likelihood.

    References
    ----------
    L. E. Baum, T. Petrie, G. Soules and N. Weiss (1970). A maximization technique occurring in
    the statistical analysis of probabilistic functions of Markov chains. *Annals of Mathematical
    Statistics* 41, 164-171.

    C.-J. Kim (1994). Dynamic linear models with Markov-switching. *Journal of Econometrics* 60,
    1-22.
    """
    log_b = require_entries("log_b", float_array("log_b", log_b, 2))
    rows, states = log_b.shape
    start = require_shape("start", float_array("start", start, 1), (states,), "states")
    P = require_shape("P", float_array("P", P, 2), (states, states), "states from, states to")
    edges = _sequence_edges(lengths, rows)
    z = output_array(out, log_b.shape, log_b, start, P)
    steps = np.unique(np.diff(edges)).sum()
    if use_compiled(rows * states**2) or use_compiled_recursion(steps):
        from latentfit.em.primitives._compiled.forward_backward import fill_state_probabilities

        sums, impossible_row = fill_state_probabilities(log_b, edges, start, P, z)
        if impossible_row >= 0:
            raise ImpossibleRowError(impossible_row)
        return ChainStatistics(z, *sums)
    return ChainStatistics(z, *_fill_with_numpy(log_b, edges, start, P, z))


def _sequence_edges(lengths: Any, rows: int) -> np.ndarray:
    """Return the first row of each sequence, followed by the number of rows."""
    if lengths is None:
        return np.array([0, rows])
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths are {lengths.dtype}; expected integers")
    if lengths.ndim != 1 or not (lengths > 0).all() or lengths.sum() != rows:
        raise ValueError(
            f"lengths of shape {lengths.shape} add up to {lengths.sum()}; expected positive "
            f"numbers on one axis that add up to {rows}, the number of rows of log_b"
        )
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _fill_with_numpy(
    log_b: np.ndarray,
    edges: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    z: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Fill γ; return expected transitions, expected starts and the log-likelihood."""
    transitions, starts, total = np.zeros(P.shape), np.zeros(len(P)), 0.0
    first_rows, lengths = edges[:-1], np.diff(edges)
    impossible = []
    with np.errstate(all="ignore"):
        # Log densities that are far from 0 in all states would leave few digits for the
        # differences between states.
        maxima = log_b.max(axis=1)
        maxima[np.isneginf(maxima)] = 0
        log_start, log_p, log_b = np.log(start), np.log(P), log_b - maxima[:, None]
        # Sequences of equal length are processed together, on the axes time, sequence, state.
        for length in np.unique(lengths):
            rows = first_rows[lengths == length] + np.arange(length)[:, None]
            log_q, log_alpha, log_c = _forward(log_start, log_p, log_b[rows])
            impossible.extend(rows[np.isneginf(log_c)])
            log_gamma, log_pairs = _backward(log_p, log_q, log_alpha)
            r = np.exp(log_gamma)
            z[rows] = r / r.sum(axis=2, keepdims=True)
            transitions += np.exp(log_pairs).sum(axis=(0, 1))
            starts += z[rows[0]].sum(axis=0)
            total += log_c.sum() + maxima[rows].sum()
    if impossible:
        raise ImpossibleRowError(min(impossible))
    return transitions, starts, float(total)


def _forward(
    log_start: np.ndarray, log_p: np.ndarray, log_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute log q, log α, both shape (times, sequences, K), and log c, (times, sequences)."""
    log_q, log_alpha = np.empty(log_b.shape), np.empty(log_b.shape)
    log_c = np.empty(log_b.shape[:2])
    prediction = log_start
    for t, density in enumerate(log_b):
        log_q[t], joint = prediction, prediction + density
        log_c[t] = total = np.logaddexp.reduce(joint, axis=1)
        log_alpha[t] = row = joint - total[:, None]
        prediction = np.logaddexp.reduce(row[:, :, None] + log_p, axis=1)
    return log_q, log_alpha, log_c


def _backward(
    log_p: np.ndarray, log_q: np.ndarray, log_alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute log γ, (times, sequences, K), and log ξ, (times - 1, sequences, K, K)."""
    # A state that cannot be reached has γ = q = 0; log q = 0 keeps log γ - log q minus infinity.
    log_q = np.where(np.isneginf(log_q), 0, log_q)
    log_gamma = log_alpha.copy()
    log_pairs = log_alpha[:-1, :, :, None] + log_p - log_q[1:, :, None]
    row = log_gamma[-1]
    for t in reversed(range(len(log_pairs))):
        log_pairs[t] += row[:, None]
        log_gamma[t] = row = np.logaddexp.reduce(log_pairs[t], axis=2)
    return log_gamma, log_pairs

"""Choose the forward-backward recursions that suit each sequence.

Chains of at most four states are processed in batches of segments (`chain_batched`). Chains of
more states, and sequences for which the batches are not exact, are processed one after the other
on probabilities (`chain_scaled`). Sequences for which probabilities are not exact are processed
on logarithms (`chain_log`).
"""

import math

import numpy as np

from latentfit.em.primitives._compiled import chain_scaled
from latentfit.em.primitives._compiled.batch_recursions import MAX_STATES
from latentfit.em.primitives._compiled.blocks import BLOCK_ROWS
from latentfit.em.primitives._compiled.chain_batched import forward_backward_batched
from latentfit.em.primitives._compiled.chain_log import forward_backward_log
from latentfit.em.primitives._compiled.chain_scaled import (
    MIN_TRANSITION,
    RESCALE_FACTOR,
    STATE_UNIT,
)
from latentfit.em.primitives._compiled.chain_sums import ChainSums
from latentfit.em.primitives._compiled.chunks import MAX_CHUNKS, run_chunks
from latentfit.em.primitives._compiled.jit import jit_reassociate

_LOG_RESCALE_FACTOR = math.log(RESCALE_FACTOR)


def fill_state_probabilities(
    log_b: np.ndarray,
    edges: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    z: np.ndarray,
) -> tuple[ChainSums, int]:
    """Fill γ of all sequences.

    Parameters
    ----------
    log_b : ndarray, shape (rows, K)
        Log densities.
    edges : ndarray of int, shape (sequences + 1,)
        First row of each sequence, followed by the number of rows.
    start : ndarray, shape (K,)
    P : ndarray, shape (K, K)
    z : ndarray, shape (rows, K)
        Filled with γ.

    Returns
    -------
    sums : ChainSums
        Over all sequences.
    impossible_row : int
        The first row that has probability 0 in every state that can be reached, or -1. If there
        is one, `z` and `sums` are incomplete.
    """
    found, remaining, impossible_row = [], np.arange(len(edges) - 1), -1
    if len(start) <= MAX_STATES:
        sums, remaining = forward_backward_batched(log_b, edges, start, P, z)
        found.append(sums)
    if len(remaining):
        sums, impossible_row = _process_one_by_one(log_b, edges, remaining, start, P, z)
        found.append(sums)
    transitions = np.add.reduce([sums.transitions for sums in found])
    starts = np.add.reduce([sums.starts for sums in found])
    log_likelihood = sum(sums.log_likelihood for sums in found)
    return ChainSums(transitions, starts, log_likelihood), impossible_row


def _process_one_by_one(
    log_b: np.ndarray,
    edges: np.ndarray,
    sequences: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    z: np.ndarray,
) -> tuple[ChainSums, int]:
    """Fill γ of the given sequences; return their sums and the first impossible row or -1."""
    states = len(start)
    ends = np.cumsum(edges[sequences + 1] - edges[sequences])
    rows = int(ends[-1])
    # Chunks of sequences have about equally many rows. How they are formed does not depend on the
    # number of threads, so that the result does not either.
    inner = np.searchsorted(ends, np.linspace(0, rows, MAX_CHUNKS + 1)[1:-1])
    chunk_edges = np.unique([0, *inner, len(sequences)])
    chunks = len(chunk_edges) - 1
    width = -(-states // STATE_UNIT) * STATE_UNIT
    padded_p, padded_p_transposed = np.zeros((width, width)), np.zeros((width, width))
    padded_p[:states, :states], padded_p_transposed[:states, :states] = P, P.T
    with np.errstate(all="ignore"):
        parameters = start, P, np.log(start), np.log(P), padded_p, padded_p_transposed
    starts, transitions = np.zeros((chunks, states)), np.zeros((chunks, states, states))
    log_likelihoods, impossible_rows = np.zeros(chunks), np.full(chunks, -1)
    operations = rows * (8 * states + 4 * states**2)
    results = z, starts, transitions, log_likelihoods, impossible_rows
    arguments = log_b, *parameters, edges, sequences, chunk_edges, *results
    run_chunks(_kernel, chunks, operations, *arguments)
    found = impossible_rows[impossible_rows >= 0]
    sums = ChainSums(transitions.sum(axis=0), starts.sum(axis=0), float(log_likelihoods.sum()))
    return sums, int(found[0]) if len(found) else -1


@jit_reassociate
def _kernel(
    first_chunk: int,
    last_chunk: int,
    log_b: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    log_start: np.ndarray,
    log_p: np.ndarray,
    padded_p: np.ndarray,
    padded_p_transposed: np.ndarray,
    edges: np.ndarray,
    sequences: np.ndarray,
    chunk_edges: np.ndarray,
    z: np.ndarray,
    starts: np.ndarray,
    transitions: np.ndarray,
    log_likelihoods: np.ndarray,
    impossible_rows: np.ndarray,
) -> None:
    states, width = len(start), len(padded_p)
    dense, tiny = True, False
    for j in range(states):
        for k in range(states):
            dense = dense and P[j, k] >= MIN_TRANSITION
            tiny = tiny or 0.0 < P[j, k] < MIN_TRANSITION
    prediction, gamma, row = np.empty(width), np.empty(width), np.empty(width)
    b, pairs = np.empty((BLOCK_ROWS, width)), np.empty((width, width))
    for chunk in range(first_chunk, last_chunk):
        for j in range(width):
            for k in range(width):
                pairs[j, k] = 0.0
        for s in sequences[chunk_edges[chunk] : chunk_edges[chunk + 1]]:
            densities, alpha = log_b[edges[s] : edges[s + 1]], z[edges[s] : edges[s + 1]]
            times = len(densities)
            exact, log_likelihood, total = not tiny, 0.0, 1.0
            for k in range(width):
                prediction[k] = start[k] if k < states else 0.0
            for begin in range(0, times, BLOCK_ROWS):
                rows = min(BLOCK_ROWS, times - begin)
                block = alpha[begin : begin + rows]
                log_likelihood += chain_scaled.load_densities(densities, begin, rows, b)
                rescaled, total, negligible = chain_scaled.forward(
                    b, rows, padded_p, prediction, row, block
                )
                exact = exact and rescaled >= 0
                if exact and negligible and not dense:
                    exact = chain_scaled.negligible_states_unreachable(
                        alpha, begin, begin + rows, start, P, densities
                    )
                if not exact:
                    break
                log_likelihood -= rescaled * _LOG_RESCALE_FACTOR
            if not exact:
                log_likelihood, impossible_row = forward_backward_log(
                    densities, log_start, log_p, alpha, transitions[chunk]
                )
                log_likelihoods[chunk] += log_likelihood
                if impossible_row >= 0:
                    impossible_rows[chunk] = edges[s] + impossible_row
                    return
                for k in range(states):
                    starts[chunk, k] += alpha[0, k]
                continue
            log_likelihoods[chunk] += log_likelihood + math.log(total)
            for k in range(width):
                gamma[k] = alpha[times - 1, k] if k < states else 0.0
            end = times
            while end > 1:
                rows = min(BLOCK_ROWS, end - 1)
                begin = end - rows
                chain_scaled.invert_predictions(alpha, begin, rows, padded_p, b)
                chain_scaled.backward(alpha, begin, rows, padded_p_transposed, b, row, gamma, pairs)
                end = begin
            for k in range(states):
                starts[chunk, k] += alpha[0, k]
        for j in range(states):
            for k in range(states):
                transitions[chunk, j, k] += P[j, k] * pairs[j, k]

"""Forward and backward recursions of segments, and the sums over the segments of each chunk."""

import math
from typing import NamedTuple

import numpy as np

from latentfit.em.primitives._compiled import batch_recursions
from latentfit.em.primitives._compiled.batch_recursions import (
    ALPHA_AT,
    BATCH_SIZE,
    GAMMA_AT,
    LOG_RESCALE_FACTOR,
    MAX_STATES,
    PRODUCT_AT,
    RECURSION_WIDTH,
    RESCALED_AT,
    SMALLEST_C_AT,
    TABLE_WIDTH,
)
from latentfit.em.primitives._compiled.chain_scaled import MIN_ROW_SUM, MIN_STATE_PROBABILITY
from latentfit.em.primitives._compiled.chunks import run_chunks
from latentfit.em.primitives._compiled.jit import jit_fma
from latentfit.em.primitives._compiled.segment_links import (
    FOUND_ALPHA,
    FOUND_BETA,
    GIVEN_ALPHA,
    GIVEN_BETA,
)
from latentfit.em.primitives._compiled.segments import (
    MAX_SEGMENT_ROWS,
    PaddedChain,
    Segments,
    chunk_edges,
    select_batch,
)


class SmoothedSegments(NamedTuple):
    """γ of all rows, and the sums over the segments of each chunk.

    Attributes
    ----------
    z : ndarray, shape (rows, K)
        γ of all rows of the data.
    pairs : ndarray, shape (chunks, 4, 4)
        Σ_t α_{t-1,j} u_tk of each chunk.
    starts : ndarray, shape (chunks, 4)
        Expected number of sequences that start in each state.
    log_likelihoods : ndarray, shape (chunks,)
        Natural logarithms.
    """

    z: np.ndarray
    pairs: np.ndarray
    starts: np.ndarray
    log_likelihoods: np.ndarray


def smooth_segments(
    log_b: np.ndarray,
    segments: Segments,
    links: np.ndarray,
    chain: PaddedChain,
    exact: np.ndarray,
    z: np.ndarray,
) -> SmoothedSegments:
    """Fill γ and the α and β found at the boundaries of all segments; compute the sums.

    Parameters
    ----------
    log_b : ndarray, shape (rows, K)
        Log densities.
    segments : Segments
    links : ndarray, shape (segments, 4, MAX_STATES)
        As `link_segments` returns it; empty if each segment is a whole sequence.
    chain : PaddedChain
    exact : ndarray of bool
        For each sequence; set to False where the recursions are not exact.
    z : ndarray, shape (rows, K)
        Filled with γ.

    Returns
    -------
    SmoothedSegments
        Segments whose own recursions are not exact are left out of the sums.
    """
    edges = chunk_edges(segments)
    chunks = len(edges) - 1
    pairs = np.zeros((chunks, MAX_STATES, MAX_STATES))
    results = SmoothedSegments(z, pairs, np.zeros((chunks, MAX_STATES)), np.zeros(chunks))
    operations = 100 * int(segments.lengths.sum())
    arguments = log_b, segments, links, chain, edges, exact, results
    run_chunks(_kernel, chunks, operations, *arguments)
    return results


@jit_fma
def _kernel(
    first_chunk: int,
    last_chunk: int,
    log_b: np.ndarray,
    segments: Segments,
    links: np.ndarray,
    chain: PaddedChain,
    edges: np.ndarray,
    exact: np.ndarray,
    results: SmoothedSegments,
) -> None:
    table = np.empty((MAX_SEGMENT_ROWS, TABLE_WIDTH))
    log_likelihoods, state = np.empty(BATCH_SIZE), np.empty(RECURSION_WIDTH)
    alpha_before, is_first = np.empty((BATCH_SIZE, MAX_STATES)), np.empty(BATCH_SIZE, np.bool_)
    usable, pairs = np.empty(BATCH_SIZE, np.bool_), np.empty(MAX_STATES * MAX_STATES * BATCH_SIZE)
    for chunk in range(first_chunk, last_chunk):
        for begin in range(edges[chunk], edges[chunk + 1], BATCH_SIZE):
            batch = select_batch(segments, begin, min(begin + BATCH_SIZE, edges[chunk + 1]))
            batch_recursions.load_densities(
                log_b, batch.begins, batch.lengths, table, log_likelihoods
            )
            _initialise_forward(batch, links, chain, alpha_before, is_first, state)
            _run_forward(batch, chain, exact, table, state, log_likelihoods, usable)
            if not chain.dense:
                _check_negligible_states(
                    batch, log_b, chain, alpha_before, is_first, exact, table, usable
                )
            _run_backward(batch, links, chain, table, state)
            batch_recursions.store_gamma(table, batch.begins, batch.lengths, results.z)
            pairs[:] = 0.0
            batch_recursions.add_pairs(table, batch.lengths[0], pairs)
            _add_to_chunk(
                batch, chunk, table, log_likelihoods, alpha_before, is_first, usable, pairs, results
            )


@jit_fma
def _initialise_forward(
    batch: Segments,
    links: np.ndarray,
    chain: PaddedChain,
    alpha_before: np.ndarray,
    is_first: np.ndarray,
    state: np.ndarray,
) -> None:
    """Prepare the forward recursion.

    Filled are α before each segment, the predictions of its first row, and whether the segment is
    the first one of its sequence.
    """
    state[:PRODUCT_AT], state[PRODUCT_AT:RESCALED_AT] = 1.0, 1.0
    state[RESCALED_AT:SMALLEST_C_AT], state[SMALLEST_C_AT:] = 0.0, np.inf
    for i in range(len(batch.lengths)):
        is_first[i] = True
        for k in range(MAX_STATES):
            alpha_before[i, k] = links[batch.places[i], GIVEN_ALPHA, k] if len(links) else 0.0
            is_first[i] = is_first[i] and alpha_before[i, k] == 0.0
        for k in range(MAX_STATES):
            prediction = chain.start[k] if is_first[i] else 0.0
            for j in range(MAX_STATES):
                prediction += alpha_before[i, j] * chain.P[j, k]
            state[k * BATCH_SIZE + i] = prediction


@jit_fma
def _run_forward(
    batch: Segments,
    chain: PaddedChain,
    exact: np.ndarray,
    table: np.ndarray,
    state: np.ndarray,
    log_likelihoods: np.ndarray,
    usable: np.ndarray,
) -> None:
    """Fill α, complete the log-likelihoods, and check that no c is below `MIN_ROW_SUM`."""
    t = 0
    for i in range(len(batch.lengths) - 1, -1, -1):
        if batch.lengths[i] > t:
            batch_recursions.forward(table, t, batch.lengths[i], chain.P, state)
            t = batch.lengths[i]
        log_likelihoods[i] += (
            math.log(state[PRODUCT_AT + i]) - LOG_RESCALE_FACTOR * state[RESCALED_AT + i]
        )
        usable[i] = exact[batch.sequences[i]] and state[SMALLEST_C_AT + i] > MIN_ROW_SUM
        if not usable[i]:
            # Another thread may do this for another segment of the sequence at the same time. That
            # is safe because no thread writes True.
            exact[batch.sequences[i]] = False


@jit_fma
def _check_negligible_states(
    batch: Segments,
    log_b: np.ndarray,
    chain: PaddedChain,
    alpha_before: np.ndarray,
    is_first: np.ndarray,
    exact: np.ndarray,
    table: np.ndarray,
    usable: np.ndarray,
) -> None:
    """Check that no path leads to a state of negligible probability, and set its density to 0."""
    for i in range(len(batch.lengths)):
        for t in range(batch.lengths[i] if usable[i] else 0):
            for k in range(log_b.shape[1]):
                negligible = table[t, ALPHA_AT + k * BATCH_SIZE + i] < MIN_STATE_PROBABILITY
                if not negligible or log_b[batch.begins[i] + t, k] == -np.inf:
                    continue
                if t == 0 and is_first[i] and chain.start[k] > 0.0:
                    usable[i] = False
                for j in range(MAX_STATES):
                    alpha = (
                        table[t - 1, ALPHA_AT + j * BATCH_SIZE + i] if t > 0 else alpha_before[i, j]
                    )
                    if alpha > 0.0 and chain.P[j, k] > 0.0:
                        usable[i] = False
                table[t, k * BATCH_SIZE + i] = 0.0
        if not usable[i]:
            exact[batch.sequences[i]] = False


@jit_fma
def _run_backward(
    batch: Segments, links: np.ndarray, chain: PaddedChain, table: np.ndarray, state: np.ndarray
) -> None:
    """Fill γ and u from β at the end of each segment; store α at its end and β before it."""
    state[:] = 0.0
    t = batch.lengths[0]
    for i in range(len(batch.lengths)):
        if batch.lengths[i] < t:
            batch_recursions.backward(table, batch.lengths[i], t, chain.P_transposed, state)
            t = batch.lengths[i]
        total = 0.0
        for k in range(MAX_STATES):
            alpha = table[t - 1, ALPHA_AT + k * BATCH_SIZE + i]
            beta = 1.0
            if len(links):
                beta = links[batch.places[i], GIVEN_BETA, k]
                links[batch.places[i], FOUND_ALPHA, k] = alpha
            state[k * BATCH_SIZE + i] = beta
            total += alpha * beta
        for k in range(MAX_STATES):
            state[k * BATCH_SIZE + i] /= total
    batch_recursions.backward(table, 0, t, chain.P_transposed, state)
    for i in range(len(batch.lengths) if len(links) else 0):
        for k in range(MAX_STATES):
            links[batch.places[i], FOUND_BETA, k] = state[k * BATCH_SIZE + i]


@jit_fma
def _add_to_chunk(
    batch: Segments,
    chunk: int,
    table: np.ndarray,
    log_likelihoods: np.ndarray,
    alpha_before: np.ndarray,
    is_first: np.ndarray,
    usable: np.ndarray,
    pairs: np.ndarray,
    results: SmoothedSegments,
) -> None:
    """Add the statistics of all usable segments of a batch to the sums of their chunk."""
    for i in range(len(batch.lengths)):
        if not usable[i]:
            continue
        results.log_likelihoods[chunk] += log_likelihoods[i]
        for j in range(MAX_STATES):
            for k in range(MAX_STATES):
                across = alpha_before[i, j] * table[0, k * BATCH_SIZE + i]
                inside = pairs[(MAX_STATES * j + k) * BATCH_SIZE + i]
                results.pairs[chunk, j, k] += inside + across
        for k in range(MAX_STATES if is_first[i] else 0):
            results.starts[chunk, k] += table[0, GAMMA_AT + k * BATCH_SIZE + i]

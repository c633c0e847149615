"""Distributions at the boundaries between the segments of a sequence.

Each segment is processed as a sequence of its own, from α of the row before it and β of its last
row. Both follow from the transfer matrices of all segments. The processed segment yields α of its
last row and β of the row before it. If the former is the α given to the next segment and the latter
the β given to the segment before, the results are exact; `verify_links` compares them.
"""

import numpy as np

from latentfit.em.primitives._compiled import batch_recursions
from latentfit.em.primitives._compiled.batch_recursions import (
    BATCH_SIZE,
    INVERSE_SUM_AT,
    MAX_STATES,
    TABLE_WIDTH,
    TRANSFER_WIDTH,
)
from latentfit.em.primitives._compiled.chain_scaled import MIN_ROW_SUM, MIN_STATE_PROBABILITY
from latentfit.em.primitives._compiled.chunks import run_chunks
from latentfit.em.primitives._compiled.jit import jit_fma
from latentfit.em.primitives._compiled.segments import (
    MAX_SEGMENT_ROWS,
    PaddedChain,
    Segments,
    chunk_edges,
    select_batch,
)

# Rows of the links of a segment, shape (segments, 4, MAX_STATES): α of the row before the segment,
# 0 for the first segment of a sequence, and β of its last row, both given; α of its last row and β
# of the row before the segment, both found when the segment is processed.
GIVEN_ALPHA, GIVEN_BETA, FOUND_ALPHA, FOUND_BETA = range(4)
# Given and found probabilities may differ by the rounding errors of one matrix product for each
# row of a segment.
_LINK_TOLERANCE_RELATIVE = 1e-10


def link_segments(
    log_b: np.ndarray,
    segments: Segments,
    sequences: np.ndarray,
    chain: PaddedChain,
    exact: np.ndarray,
) -> np.ndarray:
    """Compute α before each segment and β at its end.

    Parameters
    ----------
    log_b : ndarray, shape (rows, K)
        Log densities.
    segments : Segments
    sequences : ndarray of int, shape (segments,)
        Sequence of each segment, in the order of the data.
    chain : PaddedChain
    exact : ndarray of bool
        For each sequence; set to False where α cannot be computed.

    Returns
    -------
    ndarray, shape (segments, 4, MAX_STATES)
        The links, in the order of the data. Their rows `FOUND_ALPHA` and `FOUND_BETA` are not yet
        filled.
    """
    transfers = np.empty((len(segments.lengths), MAX_STATES, MAX_STATES))
    links = np.empty((len(segments.lengths), 4, MAX_STATES))
    edges = chunk_edges(segments)
    operations = 200 * int(segments.lengths.sum())
    arguments = log_b, segments, chain, edges, transfers
    run_chunks(_transfer_kernel, len(edges) - 1, operations, *arguments)
    _fill_given(sequences, transfers, chain, links, exact)
    return links


@jit_fma
def _transfer_kernel(
    first_chunk: int,
    last_chunk: int,
    log_b: np.ndarray,
    segments: Segments,
    chain: PaddedChain,
    edges: np.ndarray,
    transfers: np.ndarray,
) -> None:
    """Fill the transfer matrix of each segment, divided by the sum of its entries."""
    table, log_scales = np.empty((MAX_SEGMENT_ROWS, TABLE_WIDTH)), np.empty(BATCH_SIZE)
    transfer = np.empty(TRANSFER_WIDTH)
    for begin in range(edges[first_chunk], edges[last_chunk], BATCH_SIZE):
        batch = select_batch(segments, begin, min(begin + BATCH_SIZE, edges[last_chunk]))
        batch_recursions.load_densities(log_b, batch.begins, batch.lengths, table, log_scales)
        t = 0
        for i in range(len(batch.lengths) - 1, -1, -1):
            if batch.lengths[i] > t:
                batch_recursions.extend_transfer(table, t, batch.lengths[i], chain.P, transfer)
                t = batch.lengths[i]
            for j in range(MAX_STATES):
                for k in range(MAX_STATES):
                    entry = transfer[(MAX_STATES * j + k) * BATCH_SIZE + i]
                    transfers[batch.places[i], j, k] = entry * transfer[INVERSE_SUM_AT + i]


@jit_fma
def _fill_given(
    sequences: np.ndarray,
    transfers: np.ndarray,
    chain: PaddedChain,
    links: np.ndarray,
    exact: np.ndarray,
) -> None:
    """Fill α before each segment, from first to last, and β at its end, from last to first."""
    prediction, alpha, beta = np.empty(MAX_STATES), np.empty(MAX_STATES), np.empty(MAX_STATES)
    for segment in range(len(sequences)):
        if segment == 0 or sequences[segment] != sequences[segment - 1]:
            prediction[:], alpha[:] = chain.start, 0.0
        links[segment, GIVEN_ALPHA] = alpha
        if not _multiply_normalised(prediction, transfers[segment], alpha) > MIN_ROW_SUM:
            exact[sequences[segment]] = False
        _multiply_normalised(alpha, chain.P, prediction)
    for segment in range(len(sequences) - 1, -1, -1):
        if segment == len(sequences) - 1 or sequences[segment] != sequences[segment + 1]:
            beta[:] = 1.0
        links[segment, GIVEN_BETA] = beta
        _multiply_normalised(beta, transfers[segment].T, alpha)
        _multiply_normalised(alpha, chain.P_transposed, beta)


@jit_fma
def _multiply_normalised(v: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> float:
    """Fill v matrix, divided by the sum of its entries; return that sum."""
    total = 0.0
    for k in range(MAX_STATES):
        out[k] = 0.0
        for j in range(MAX_STATES):
            out[k] += v[j] * matrix[j, k]
        total += out[k]
    for k in range(MAX_STATES):
        out[k] /= total
    return total


@jit_fma
def verify_links(sequences: np.ndarray, links: np.ndarray, exact: np.ndarray) -> None:
    """Set `exact` to False for sequences in which a given α or β differs from the one found."""
    found, given = np.empty(MAX_STATES), np.empty(MAX_STATES)
    for segment in range(1, len(sequences)):
        if sequences[segment] != sequences[segment - 1] or not exact[sequences[segment]]:
            continue
        alpha = links[segment - 1, FOUND_ALPHA]
        same = _close(alpha, links[segment, GIVEN_ALPHA])
        for k in range(MAX_STATES):
            found[k] = alpha[k] * links[segment, FOUND_BETA, k]
            given[k] = alpha[k] * links[segment - 1, GIVEN_BETA, k]
        if not (same and _close(found / found.sum(), given / given.sum())):
            exact[sequences[segment]] = False


@jit_fma
def _close(found: np.ndarray, given: np.ndarray) -> bool:
    """Return whether probabilities agree, except where both are negligible."""
    for k in range(MAX_STATES):
        if max(found[k], given[k]) < MIN_STATE_PROBABILITY:
            continue
        if not abs(found[k] - given[k]) <= _LINK_TOLERANCE_RELATIVE * found[k]:
            return False
    return True

"""Forward-backward recursions for chains of at most four states, many segments at a time.

With b and α as in `chain_scaled`, the prediction q_t = α_{t-1} P, and c_t = Σ_k q_tk b_tk,

    α_t = q_t b_t / c_t,   u_t = b_t β_t / c_t,   β_{t-1} = P u_t,
    γ_t = α_t β_t,         ξ_tjk = α_{t-1,j} P_jk u_tk

(Rabiner 1989). These γ and ξ are those of Kim's recursion in `chain_scaled`, because u = γ / q.
Where α is 0, u is set to 0.

A sequence of more than `MAX_SEGMENT_ROWS` rows is cut into segments. The transfer matrix of the
segment from row s to row e is

    M = diag(b_s) P diag(b_{s+1}) P ... P diag(b_e).

α_e is proportional to q_s M, and β_{s-1} is proportional to P M β_e. The transfer matrices of all
segments are computed first, many at a time; α and β at the boundaries follow from them; then each
segment is processed as a sequence of its own, from q_s and β_e.

A product of doubles loses values below 1e-308. The rules of `chain_scaled` are applied to every c
and α of every segment, so that its own α and β are exact if those at its boundaries are. A transfer
matrix has lost nothing that matters if the boundaries are found again: α at the end of a segment
must equal the α given to the next one, and β before a segment must equal the β given to the one
before, up to rounding errors. Since the first α and the last β of a sequence are known, all of
them are then exact. Sequences that fail these checks are left to the caller.

References
----------
L. R. Rabiner (1989). A tutorial on hidden Markov models and selected applications in speech
recognition. *Proceedings of the IEEE* 77, 257-286.
"""

import numpy as np

from latentfit.em.primitives._compiled.batch_recursions import MAX_STATES
from latentfit.em.primitives._compiled.chain_scaled import MIN_TRANSITION
from latentfit.em.primitives._compiled.chain_sums import ChainSums
from latentfit.em.primitives._compiled.segment_links import link_segments, verify_links
from latentfit.em.primitives._compiled.segment_smoothing import smooth_segments
from latentfit.em.primitives._compiled.segments import (
    MAX_SEGMENT_ROWS,
    PaddedChain,
    cut_sequences,
    sort_segments,
)


def forward_backward_batched(
    log_b: np.ndarray,
    edges: np.ndarray,
    start: np.ndarray,
    P: np.ndarray,  # noqa: N803
    z: np.ndarray,
) -> tuple[ChainSums, np.ndarray]:
    """Fill γ of all sequences for which the computation on probabilities is exact.

    Parameters
    ----------
    log_b : ndarray, shape (rows, K)
        Log densities; K is at most `MAX_STATES`.
    edges : ndarray of int, shape (sequences + 1,)
        First row of each sequence, followed by the number of rows.
    start : ndarray, shape (K,)
    P : ndarray, shape (K, K)
    z : ndarray, shape (rows, K)
        Filled with γ.

    Returns
    -------
    sums : ChainSums
        Over the sequences that were processed.
    remaining : ndarray of int
        Indices of the other sequences.
    """
    states = len(start)
    padded_p, padded_start = np.zeros((MAX_STATES, MAX_STATES)), np.zeros(MAX_STATES)
    padded_p[:states, :states], padded_start[:states] = P, start
    dense = bool((P >= MIN_TRANSITION).all())
    chain = PaddedChain(padded_start, padded_p, np.ascontiguousarray(padded_p.T), dense)
    lengths = np.diff(edges)
    exact = np.ones(len(lengths), dtype=np.bool_)
    pairs, starts = np.zeros((MAX_STATES, MAX_STATES)), np.zeros(MAX_STATES)
    log_likelihood = 0.0
    long = lengths > MAX_SEGMENT_ROWS
    for chosen in (np.flatnonzero(~long), np.flatnonzero(long)):
        if not len(chosen):
            continue
        parts, links = (edges[chosen], lengths[chosen], chosen), np.empty((0, 4, MAX_STATES))
        if long[chosen[0]]:
            parts = cut_sequences(*parts)
            segments = sort_segments(*parts)
            links = link_segments(log_b, segments, parts[2], chain, exact)
        else:
            segments = sort_segments(*parts)
        exact_before = exact[chosen]
        smoothed = smooth_segments(log_b, segments, links, chain, exact, z)
        if len(links):
            verify_links(parts[2], links, exact)
            if not (exact[chosen] == exact_before).all():
                # The sums contain segments of sequences that then turned out not to be exact.
                exact[chosen] = False
                continue
        pairs += smoothed.pairs.sum(axis=0)
        starts += smoothed.starts.sum(axis=0)
        log_likelihood += float(smoothed.log_likelihoods.sum())
    transitions = P * pairs[:states, :states]
    return ChainSums(transitions, starts[:states], log_likelihood), np.flatnonzero(~exact)

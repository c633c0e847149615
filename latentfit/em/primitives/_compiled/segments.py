"""Segments of the sequences of a hidden Markov model, grouped in batches and chunks."""

from typing import NamedTuple

import numpy as np

from latentfit.em.primitives._compiled.batch_recursions import BATCH_SIZE
from latentfit.em.primitives._compiled.chunks import MAX_CHUNKS
from latentfit.em.primitives._compiled.jit import jit_fma

# Rows of a segment. A power of two would place the same rows of all segments in the same part of
# the cache.
MAX_SEGMENT_ROWS = 120


class PaddedChain(NamedTuple):
    """Parameters of a hidden Markov chain, padded with zeros to `MAX_STATES` states.

    Attributes
    ----------
    start : ndarray, shape (4,)
        Distribution of the first state.
    P, P_transposed : ndarray, shape (4, 4)
        Transition probabilities.
    dense : bool
        Whether no transition probability between actual states is below `MIN_TRANSITION`.
    """

    start: np.ndarray
    P: np.ndarray
    P_transposed: np.ndarray
    dense: bool


class Segments(NamedTuple):
    """Segments of sequences, sorted by length, the longest first.

    Attributes
    ----------
    begins : ndarray of int, shape (segments,)
        First row in the data.
    lengths : ndarray of int, shape (segments,)
        Number of rows.
    sequences : ndarray of int, shape (segments,)
        Index of the sequence of which the segment is a part.
    places : ndarray of int, shape (segments,)
        Position of the segment in the order of the data, before the segments were sorted.
    """

    begins: np.ndarray
    lengths: np.ndarray
    sequences: np.ndarray
    places: np.ndarray


def cut_sequences(
    begins: np.ndarray, lengths: np.ndarray, sequences: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut each sequence into as few segments as possible, of nearly equal length.

    Arguments and results are first rows, lengths and sequence indices, in the order of the data.
    """
    parts = -(-lengths // MAX_SEGMENT_ROWS)
    number = np.repeat(parts, parts)
    part = np.arange(len(number)) - np.repeat(np.cumsum(parts) - parts, parts)
    length = np.repeat(lengths, parts)
    first, last = length * part // number, length * (part + 1) // number
    return np.repeat(begins, parts) + first, last - first, np.repeat(sequences, parts)


def sort_segments(begins: np.ndarray, lengths: np.ndarray, sequences: np.ndarray) -> Segments:
    """Sort segments, given in the order of the data, by length."""
    places = np.argsort(-lengths, kind="stable")
    return Segments(begins[places], lengths[places], sequences[places], places)


def chunk_edges(segments: Segments) -> np.ndarray:
    """Return the first segment of each chunk, followed by the number of segments.

    A chunk consists of whole batches. The edges depend on the number of segments alone.
    """
    count = len(segments.lengths)
    batches = -(-count // BATCH_SIZE)
    chunks = min(batches, MAX_CHUNKS)
    edges: np.ndarray = np.minimum(np.arange(chunks + 1) * batches // chunks * BATCH_SIZE, count)
    return edges


@jit_fma
def select_batch(segments: Segments, begin: int, end: int) -> Segments:
    """Return the segments `begin` to `end` - 1."""
    return Segments(
        segments.begins[begin:end],
        segments.lengths[begin:end],
        segments.sequences[begin:end],
        segments.places[begin:end],
    )

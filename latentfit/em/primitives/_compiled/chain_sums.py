"""Expected statistics of hidden Markov chains, added over sequences."""

from typing import NamedTuple

import numpy as np


class ChainSums(NamedTuple):
    """Expected statistics, added over a set of sequences.

    Attributes
    ----------
    transitions : ndarray, shape (K, K)
        Expected number of transitions from state j to state k.
    starts : ndarray, shape (K,)
        Expected number of sequences that start in each state.
    log_likelihood : float
        Natural logarithm.
    """

    transitions: np.ndarray
    starts: np.ndarray
    log_likelihood: float

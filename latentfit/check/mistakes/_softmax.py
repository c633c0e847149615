"""Normalisation of log weights over the categories."""

import numpy as np


def softmax(log_weights: np.ndarray) -> np.ndarray:
    """Return exp(log_weights), divided by its sums over the last axis, without overflow."""
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    result: np.ndarray = weights / weights.sum(axis=-1, keepdims=True)
    return result

"""Responsibilities of blocks of rows."""

import numpy as np

from latentfit.em.primitives._compiled import blocks
from latentfit.em.primitives._compiled.blocks import NARROW, transpose
from latentfit.em.primitives._compiled.chunks import cut, spread
from latentfit.em.primitives._compiled.jit import reordered


def softmax(log_joint: np.ndarray, r: np.ndarray) -> float:
    """Fill r; the log-likelihood."""
    chunks, size = cut(len(log_joint))
    heights = np.zeros(chunks)
    spread(_kernel, chunks, 8 * log_joint.size, log_joint, size, r, heights)
    return float(heights.sum())


@reordered
def _kernel(
    first: int, last: int, log_joint: np.ndarray, size: int, r: np.ndarray, heights: np.ndarray
) -> None:
    n, components = log_joint.shape
    v = np.empty((components, NARROW))
    largest, total = np.empty(NARROW), np.empty(NARROW)
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, NARROW):
            rows = min(NARROW, end - begin)
            transpose(log_joint, begin, rows, v)
            heights[chunk] += blocks.softmax(v, rows, largest, total)
            for i in range(rows):
                for k in range(components):
                    r[begin + i, k] = v[k, i]

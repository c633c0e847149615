"""From log probabilities through responsibilities to counts, a block of rows at a time."""

import numpy as np

from latentfit.em.primitives._compiled.blocks import WIDE, softmax
from latentfit.em.primitives._compiled.categorical import by_component
from latentfit.em.primitives._compiled.chunks import cut, spread
from latentfit.em.primitives._compiled.code_blocks import count, log_probability, transpose
from latentfit.em.primitives._compiled.jit import reordered


def statistics(
    x: np.ndarray, log_w: np.ndarray, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """Members and answers of each class, the log-likelihood, and rows with a code out of range."""
    items, categories, classes = table.shape
    chunks, size = cut(len(x))
    counts, heights = np.zeros((chunks, classes)), np.zeros(chunks)
    each, bad = np.zeros((chunks, items, categories, classes)), np.full(chunks, -1)
    spread(_kernel, chunks, 2 * x.size * classes, x, size, log_w, table, counts, each, heights, bad)
    return counts.sum(axis=0), by_component(each), float(heights.sum()), bad[bad >= 0]


@reordered
def _kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    log_w: np.ndarray,
    table: np.ndarray,
    counts: np.ndarray,
    each: np.ndarray,
    heights: np.ndarray,
    bad: np.ndarray,
) -> None:
    n, items = x.shape
    classes = len(log_w)
    block, v = np.empty((items, WIDE), np.int64), np.empty((classes, WIDE))
    largest, total = np.empty(WIDE), np.empty(WIDE)
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            bad[chunk] = transpose(x, begin, rows, table.shape[1], block)
            if bad[chunk] >= 0:
                return
            for k in range(classes):
                for i in range(rows):
                    v[k, i] = log_w[k]
            log_probability(block, rows, table, v)
            heights[chunk] += softmax(v, rows, largest, total)
            count(v, block, rows, each[chunk])
            for k in range(classes):
                weight = 0.0
                for i in range(rows):
                    weight += v[k, i]
                counts[chunk, k] += weight

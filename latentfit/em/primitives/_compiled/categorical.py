"""Log probabilities and counts of blocks of codes."""

import numpy as np

from latentfit.em.primitives._compiled import code_blocks
from latentfit.em.primitives._compiled.blocks import WIDE
from latentfit.em.primitives._compiled.blocks import transpose as transpose_numbers
from latentfit.em.primitives._compiled.chunks import cut, spread
from latentfit.em.primitives._compiled.code_blocks import log_probability, look_up, tally, transpose
from latentfit.em.primitives._compiled.jit import reordered


def log_probabilities(x: np.ndarray, table: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Fill Σ_j log p_kj; rows with a code that is out of range, one of each chunk at most."""
    chunks, size = cut(len(x))
    bad = np.full(chunks, -1)
    spread(_log_kernel, chunks, out.size * x.shape[1], x, size, table, out, bad)
    return bad[bad >= 0]


def count(r: np.ndarray, x: np.ndarray, categories: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts, shape (K, J, C); rows with a code that is out of range, one of each chunk at most."""
    chunks, size = cut(len(x))
    counts = np.zeros((chunks, x.shape[1], categories, r.shape[1]))
    bad = np.full(chunks, -1)
    spread(_count_kernel, chunks, 2 * r.size * x.shape[1], r, x, size, counts, bad)
    return by_component(counts), bad[bad >= 0]


def by_component(counts: np.ndarray) -> np.ndarray:
    """Counts of all chunks, the component first."""
    return np.ascontiguousarray(np.moveaxis(counts.sum(axis=0), -1, 0))


@reordered
def _log_kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    table: np.ndarray,
    out: np.ndarray,
    bad: np.ndarray,
) -> None:
    n, items = x.shape
    categories, components = table.shape[1:]
    block, v = np.empty((items, WIDE), np.int64), np.empty((components, WIDE))
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            bad[chunk] = transpose(x, begin, rows, categories, block)
            if bad[chunk] >= 0:
                return
            if items == 1:
                look_up(block[0], rows, table[0], out[begin : begin + rows])
                continue
            v[:] = 0.0
            log_probability(block, rows, table, v)
            for i in range(rows):
                for k in range(components):
                    out[begin + i, k] = v[k, i]


@reordered
def _count_kernel(
    first: int,
    last: int,
    r: np.ndarray,
    x: np.ndarray,
    size: int,
    counts: np.ndarray,
    bad: np.ndarray,
) -> None:
    n, items = x.shape
    block, weights = np.empty((items, WIDE), np.int64), np.empty((r.shape[1], WIDE))
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            bad[chunk] = transpose(x, begin, rows, counts.shape[2], block)
            if bad[chunk] >= 0:
                return
            if items == 1:
                tally(r[begin : begin + rows], block[0], rows, counts[chunk, 0])
                continue
            transpose_numbers(r, begin, rows, weights)
            code_blocks.count(weights, block, rows, counts[chunk])

"""Log probabilities and expected counts of the category codes in a block of rows.

Blocks are transposed as in `blocks`. Tables have the component on the last axis,
``table[j, c, k]`` for item j and category c.

With few categories no table is indexed: for each category as many rows as a register holds are
compared with its code at once. Every category has a sum of its own, also if there are only two.
A count that is computed as the difference of two others would have lost its digits where it is
close to 0; a product with an indicator would give NaN, 0 times minus infinity, where a
probability is 0.
"""

import numpy as np

from latentfit.em.primitives._compiled.blocks import load_block
from latentfit.em.primitives._compiled.jit import jit_reassociate

# With more categories than this, indexing is faster than comparing.
_MAX_COMPARED_CATEGORIES = 8


@jit_reassociate
def load_codes(x: np.ndarray, begin: int, rows: int, categories: int, out: np.ndarray) -> int:
    """Copy `rows` rows of codes from row `begin` on to a block, shape (J, >= rows).

    Return the first row with a code out of range, or -1.
    """
    items = x.shape[1]
    load_block(x, begin, rows, out)
    out_of_range = np.int64(0)
    for j in range(items):
        for i in range(rows):
            out_of_range |= np.int64(out[j, i] < 0) | np.int64(out[j, i] >= categories)
    if out_of_range:
        for i in range(rows):
            for j in range(items):
                if out[j, i] < 0 or out[j, i] >= categories:
                    return begin + i
    return -1


@jit_reassociate
def add_log_probabilities(x: np.ndarray, rows: int, log_p: np.ndarray, v: np.ndarray) -> None:
    """Add the log probability of each row's codes to v, shape (K, >= rows)."""
    items, categories, components = log_p.shape
    for j in range(items):
        if categories == 2:
            for k in range(components):
                zero, one = log_p[j, 0, k], log_p[j, 1, k]
                for i in range(rows):
                    v[k, i] += one if x[j, i] else zero
        elif categories <= _MAX_COMPARED_CATEGORIES:
            for k in range(components):
                for c in range(categories):
                    value = log_p[j, c, k]
                    for i in range(rows):
                        v[k, i] += value if x[j, i] == c else 0.0
        else:
            for i in range(rows):
                code = x[j, i]
                for k in range(components):
                    v[k, i] += log_p[j, code, k]


@jit_reassociate
def add_counts(r: np.ndarray, x: np.ndarray, rows: int, counts: np.ndarray) -> None:
    """Add each row's responsibilities to the counts of its codes, shape (J, C, K)."""
    items, categories, components = counts.shape
    if categories == 2:
        for j in range(items):
            for k in range(components):
                zero = one = 0.0
                for i in range(rows):
                    one += r[k, i] if x[j, i] else 0.0
                    zero += 0.0 if x[j, i] else r[k, i]
                counts[j, 0, k] += zero
                counts[j, 1, k] += one
    elif categories <= _MAX_COMPARED_CATEGORIES:
        for j in range(items):
            for k in range(components):
                for c in range(categories):
                    total = 0.0
                    for i in range(rows):
                        total += r[k, i] if x[j, i] == c else 0.0
                    counts[j, c, k] += total
    else:
        # Items are in the inner loop because consecutive rows with the same code would have to
        # wait for each other's sum.
        for i in range(rows):
            for j in range(items):
                code = x[j, i]
                for k in range(components):
                    counts[j, code, k] += r[k, i]


@jit_reassociate
def fill_log_probabilities_of_item(
    x: np.ndarray, rows: int, log_p: np.ndarray, out: np.ndarray
) -> None:
    """Fill the log probabilities of one item, shape (rows, K), four components at once.

    `x` has the shape (>= rows,), `log_p` the shape (C, K).
    """
    components = log_p.shape[1]
    quads = components - components % 4
    for i in range(rows):
        code = x[i]
        for k in range(0, quads, 4):
            a, b, c, d = log_p[code, k], log_p[code, k + 1], log_p[code, k + 2], log_p[code, k + 3]
            out[i, k], out[i, k + 1], out[i, k + 2], out[i, k + 3] = a, b, c, d
        for k in range(quads, components):
            out[i, k] = log_p[code, k]


@jit_reassociate
def add_counts_of_item(r: np.ndarray, x: np.ndarray, rows: int, counts: np.ndarray) -> None:
    """Add each row's responsibilities to the counts of one item, four components at once.

    `r` has the shape (rows, K), `x` the shape (>= rows,), `counts` the shape (C, K).
    """
    components = counts.shape[1]
    quads = components - components % 4
    for i in range(rows):
        code = x[i]
        for k in range(0, quads, 4):
            a, b, c, d = r[i, k], r[i, k + 1], r[i, k + 2], r[i, k + 3]
            counts[code, k] += a
            counts[code, k + 1] += b
            counts[code, k + 2] += c
            counts[code, k + 3] += d
        for k in range(quads, components):
            counts[code, k] += r[i, k]

"""Categories in a block of rows: log probabilities looked up, responsibilities counted.

Tables have the component last, ``table[j, c, k]``. With few categories nothing is looked up: for
each of them, as many rows at once as a register holds are compared with it. A sum is kept for each
category, also of two, since a count that is the difference of two others has lost its digits where
it is close to 0, and a product with an indicator would make 0 times minus infinity of a
probability that is 0.
"""

import numpy as np

from latentfit.em.primitives._compiled.blocks import transpose as transpose_numbers
from latentfit.em.primitives._compiled.jit import reordered

# Beyond that many categories looking up is faster than comparing.
_FEW = 8


@reordered
def transpose(x: np.ndarray, begin: int, rows: int, categories: int, out: np.ndarray) -> int:
    """Rows of an array of codes as a block; the first row with an impossible one, or -1."""
    items = x.shape[1]
    transpose_numbers(x, begin, rows, out)
    bad = np.int64(0)
    for j in range(items):
        for i in range(rows):
            bad |= np.int64(out[j, i] < 0) | np.int64(out[j, i] >= categories)
    if bad:
        for i in range(rows):
            for j in range(items):
                if out[j, i] < 0 or out[j, i] >= categories:
                    return begin + i
    return -1


@reordered
def log_probability(x: np.ndarray, rows: int, table: np.ndarray, v: np.ndarray) -> None:
    """Add log p of the codes of each row to each component."""
    items, categories, components = table.shape
    for j in range(items):
        if categories == 2:
            for k in range(components):
                zero, one = table[j, 0, k], table[j, 1, k]
                for i in range(rows):
                    v[k, i] += one if x[j, i] else zero
        elif categories <= _FEW:
            for k in range(components):
                for c in range(categories):
                    value = table[j, c, k]
                    for i in range(rows):
                        v[k, i] += value if x[j, i] == c else 0.0
        else:
            for i in range(rows):
                code = x[j, i]
                for k in range(components):
                    v[k, i] += table[j, code, k]


@reordered
def count(r: np.ndarray, x: np.ndarray, rows: int, counts: np.ndarray) -> None:
    """Add the responsibilities of each row to the counts of its codes."""
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
    elif categories <= _FEW:
        for j in range(items):
            for k in range(components):
                for c in range(categories):
                    total = 0.0
                    for i in range(rows):
                        total += r[k, i] if x[j, i] == c else 0.0
                    counts[j, c, k] += total
    else:
        # Items in the inner loop: two rows with the same code would wait for one another.
        for i in range(rows):
            for j in range(items):
                code = x[j, i]
                for k in range(components):
                    counts[j, code, k] += r[k, i]


@reordered
def look_up(x: np.ndarray, rows: int, table: np.ndarray, out: np.ndarray) -> None:
    """Log p of one item: rows of its table are copied, four components at once."""
    components = table.shape[1]
    quads = components - components % 4
    for i in range(rows):
        code = x[i]
        for k in range(0, quads, 4):
            a, b, c, d = table[code, k], table[code, k + 1], table[code, k + 2], table[code, k + 3]
            out[i, k], out[i, k + 1], out[i, k + 2], out[i, k + 3] = a, b, c, d
        for k in range(quads, components):
            out[i, k] = table[code, k]


@reordered
def tally(r: np.ndarray, x: np.ndarray, rows: int, counts: np.ndarray) -> None:
    """Add the responsibilities of each row to the counts of one item, four components at once."""
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

"""Categories in a block of rows: log probabilities looked up, responsibilities counted.

Tables have the component last, ``table[j, c, k]``. With two categories nothing is looked up:
which of two numbers is added is decided for as many rows at once as a register holds. Both numbers
are added up by themselves, since the difference 1 - p has lost the digits of a probability close to
0, and a product with an indicator would make 0 times minus infinity of one that is 0.
"""

import numpy as np

from latentfit.em.primitives._jit import reordered


@reordered
def transpose(x: np.ndarray, begin: int, rows: int, categories: int, out: np.ndarray) -> int:
    """Rows of an array of codes as a block; the first row with an impossible one, or -1."""
    bad = 0
    for i in range(rows):
        for j in range(x.shape[1]):
            code = np.int64(x[begin + i, j])
            bad |= code < 0 or code >= categories
            out[j, i] = code
    if bad:
        for i in range(rows):
            for j in range(x.shape[1]):
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
    else:
        # Items in the inner loop: two rows with the same code would wait for one another.
        for i in range(rows):
            for j in range(items):
                code = x[j, i]
                for k in range(components):
                    counts[j, code, k] += r[k, i]

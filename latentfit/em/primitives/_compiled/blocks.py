"""Steps on a block of rows that stays in the processor's first cache.

A block is stored by component: ``v[k, i]`` belongs to component k and row i of the block. Rows are
then next to each other, and loops over them are vectorised.

Moments of a block are taken about its own mean, in two passes, and merged with those of the rows
before (Chan, Golub and LeVeque 1983): with weights n and m, means a and b, and δ = b - a,

    n' = n + m,   a' = a + δ m / n',   S' = S + T + δ δᵀ n m / n'.

No square of a large number is subtracted from another, wherever the data are.

T. F. Chan, G. H. Golub and R. J. LeVeque (1983). Algorithms for computing the sample variance:
analysis and recommendations. *The American Statistician* 37, 242-247.
"""

import math

import numpy as np

from latentfit.em.primitives._compiled.exp import exp
from latentfit.em.primitives._compiled.jit import reordered

# Rows of a block: in one column, and where several columns share the cache.
NARROW, WIDE = 256, 128
# So many sums of at most 2¹⁵ terms between 0 and 1 are multiplied before a logarithm is taken.
_FACTORS = 64


@reordered
def transpose(x: np.ndarray, begin: int, rows: int, out: np.ndarray) -> None:
    """Rows of an array as a block: its columns."""
    if x.shape[1] == 1:
        flat = x.ravel()
        for i in range(rows):
            out[0, i] = flat[begin + i]
    else:
        for i in range(rows):
            for j in range(x.shape[1]):
                out[j, i] = x[begin + i, j]


@reordered
def largest_taken_out(v: np.ndarray, rows: int, largest: np.ndarray) -> float:
    """The largest log joint density of each row, and the sum of these."""
    for i in range(rows):
        largest[i] = v[0, i]
    for k in range(1, v.shape[0]):
        for i in range(rows):
            largest[i] = v[k, i] if v[k, i] > largest[i] else largest[i]
    for i in range(rows):
        # A row of -inf would otherwise become -inf less -inf.
        largest[i] = 0.0 if largest[i] == -np.inf else largest[i]
    height = 0.0
    for i in range(rows):
        height += largest[i]
    return height


@reordered
def softmax(v: np.ndarray, rows: int, largest: np.ndarray, total: np.ndarray) -> float:
    """Responsibilities in the place of log joint densities; the sum over rows of log p(x).

    log p(x) = m + log s with m the largest of a row and s = Σ exp(v - m), which lies between 1 and
    K. One logarithm is taken of the product of several s.
    """
    components = v.shape[0]
    height = largest_taken_out(v, rows, largest)
    for i in range(rows):
        total[i] = 0.0
    for k in range(components):
        for i in range(rows):
            v[k, i] = exp(v[k, i] - largest[i])
            total[i] += v[k, i]
    for begin in range(0, rows, _FACTORS):
        product = 1.0
        for i in range(begin, min(begin + _FACTORS, rows)):
            product *= total[i]
        height += math.log(product)
    for i in range(rows):
        total[i] = 1.0 / total[i]
    for k in range(components):
        for i in range(rows):
            v[k, i] *= total[i]
    return height


@reordered
def log_density(
    x: np.ndarray, mean: np.ndarray, root: np.ndarray, constant: float, rows: int, out: np.ndarray
) -> None:
    """constant - Σ_j ((x_j - μ_j) / σ_j)² / 2, with 1 / σ_j as `root`."""
    for i in range(rows):
        out[i] = constant
    for j in range(x.shape[0]):
        for i in range(rows):
            u = (x[j, i] - mean[j]) * root[j]
            out[i] -= 0.5 * u * u


@reordered
def moments(
    r: np.ndarray,
    x: np.ndarray,
    rows: int,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
) -> None:
    """Merge the moments of each column of a block into those of the rows before."""
    for k in range(r.shape[0]):
        weight = 0.0
        for i in range(rows):
            weight += r[k, i]
        if weight == 0.0:
            continue
        count = counts[k] + weight
        share = weight / count
        for j in range(x.shape[0]):
            mean = 0.0
            for i in range(rows):
                mean += r[k, i] * x[j, i]
            mean /= weight
            squares = 0.0
            for i in range(rows):
                gap = x[j, i] - mean
                squares += r[k, i] * (gap * gap)
            shift = mean - means[k, j]
            means[k, j] += shift * share
            scatter[k, j] += squares + shift * shift * (counts[k] * share)
        counts[k] = count


@reordered
def sums(
    r: np.ndarray,
    x: np.ndarray,
    rows: int,
    about: np.ndarray,
    counts: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    """Add Σ r, Σ r (x - a) and Σ r (x - a)² of each column of a block."""
    for k in range(r.shape[0]):
        weight = 0.0
        for i in range(rows):
            weight += r[k, i]
        counts[k] += weight
        for j in range(x.shape[0]):
            total, squares = 0.0, 0.0
            for i in range(rows):
                gap = x[j, i] - about[k, j]
                total += r[k, i] * gap
                squares += r[k, i] * (gap * gap)
            first[k, j] += total
            second[k, j] += squares

"""Arithmetic on a block of rows that fits in the processor's first-level cache.

A block is transposed: ``x[j, i]`` is column j of row i of the block, ``v[k, i]`` belongs to
component k and row i. Consecutive rows are adjacent in memory, so that loops over rows are
vectorised. The last blocks may be shorter: all functions use the first `rows` rows only.

The moments of a block are computed about its own mean in two passes and merged with the moments
of the preceding rows (Chan, Golub and LeVeque 1983). With weights n and m, means a and b,
scatters S and T, and δ = b - a,

    n' = n + m,   a' = a + δ m / n',   S' = S + T + δ δᵀ n m / n'.

No large square is subtracted from another, so that the scatter keeps its digits also if the data
are large relative to their spread.

References
----------
T. F. Chan, G. H. Golub and R. J. LeVeque (1983). Algorithms for computing the sample variance:
analysis and recommendations. *The American Statistician* 37, 242-247.
"""

import math

import numpy as np

from latentfit.em.primitives._compiled.exp import exp
from latentfit.em.primitives._compiled.jit import jit_reassociate

# Rows of a block. The long block suits kernels that keep few numbers for each row.
BLOCK_ROWS, LONG_BLOCK_ROWS = 128, 256
# A product of this many sums of at most 2¹⁵ terms between 0 and 1 does not overflow.
_FACTORS_PER_LOGARITHM = 64


@jit_reassociate
def load_block(x: np.ndarray, begin: int, rows: int, out: np.ndarray) -> None:
    """Copy `rows` rows of x, shape (n, d), from row `begin` on to a block, shape (d, >= rows)."""
    if x.shape[1] == 1:
        flat = x.ravel()
        for i in range(rows):
            out[0, i] = flat[begin + i]
    else:
        for i in range(rows):
            for j in range(x.shape[1]):
                out[j, i] = x[begin + i, j]


@jit_reassociate
def row_maxima(v: np.ndarray, rows: int, maxima: np.ndarray) -> float:
    """Fill the maximum over components of each row of v, shape (K, >= rows); return their sum."""
    for i in range(rows):
        maxima[i] = v[0, i]
    for k in range(1, v.shape[0]):
        for i in range(rows):
            maxima[i] = v[k, i] if v[k, i] > maxima[i] else maxima[i]
    for i in range(rows):
        # Subtracting the maximum from a row of -inf would give NaN.
        maxima[i] = 0.0 if maxima[i] == -np.inf else maxima[i]
    total = 0.0
    for i in range(rows):
        total += maxima[i]
    return total


@jit_reassociate
def softmax(v: np.ndarray, rows: int, maxima: np.ndarray, totals: np.ndarray) -> float:
    """Replace log joint densities by responsibilities and return the log-likelihood of the block.

    log p(x_i) = m + log s, where m is the maximum of the row and s = Σ_k exp(v_ki - m) lies between
    1 and K. One logarithm is taken of the product of several s.
    """
    components = v.shape[0]
    log_likelihood = row_maxima(v, rows, maxima)
    for i in range(rows):
        totals[i] = 0.0
    for k in range(components):
        for i in range(rows):
            v[k, i] = exp(v[k, i] - maxima[i])
            totals[i] += v[k, i]
    for begin in range(0, rows, _FACTORS_PER_LOGARITHM):
        product = 1.0
        for i in range(begin, min(begin + _FACTORS_PER_LOGARITHM, rows)):
            product *= totals[i]
        log_likelihood += math.log(product)
    for i in range(rows):
        totals[i] = 1.0 / totals[i]
    for k in range(components):
        for i in range(rows):
            v[k, i] *= totals[i]
    return log_likelihood


@jit_reassociate
def log_density(
    x: np.ndarray,
    mean: np.ndarray,
    inverse_sigma: np.ndarray,
    log_constant: float,
    rows: int,
    out: np.ndarray,
) -> None:
    """Fill `out` with log_constant - Σ_j ((x_j - μ_j) / σ_j)² / 2 of each row, one component."""
    for i in range(rows):
        out[i] = log_constant
    for j in range(x.shape[0]):
        for i in range(rows):
            u = (x[j, i] - mean[j]) * inverse_sigma[j]
            out[i] -= 0.5 * u * u


@jit_reassociate
def add_moments(
    r: np.ndarray,
    x: np.ndarray,
    rows: int,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
) -> None:
    """Merge the moments of each column of a block into those of the preceding rows.

    `counts` has the shape (K,), `means` and `scatter` have the shape (K, d).
    """
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
                deviation = x[j, i] - mean
                squares += r[k, i] * (deviation * deviation)
            shift = mean - means[k, j]
            means[k, j] += shift * share
            scatter[k, j] += squares + shift * shift * (counts[k] * share)
        counts[k] = count


@jit_reassociate
def add_sums(
    r: np.ndarray,
    x: np.ndarray,
    rows: int,
    about: np.ndarray,
    counts: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    """Add Σ r, Σ r (x - a) and Σ r (x - a)² of each column of a block.

    `counts` has the shape (K,); `about`, `first` and `second` have the shape (K, d).
    """
    for k in range(r.shape[0]):
        weight = 0.0
        for i in range(rows):
            weight += r[k, i]
        counts[k] += weight
        for j in range(x.shape[0]):
            total, squares = 0.0, 0.0
            for i in range(rows):
                deviation = x[j, i] - about[k, j]
                total += r[k, i] * deviation
                squares += r[k, i] * (deviation * deviation)
            first[k, j] += total
            second[k, j] += squares

"""Quadratic forms and scatter matrices of a block of rows.

Both are products of a matrix and a block, and half of each is known beforehand: the inverse of a
Cholesky factor is lower triangular, a scatter matrix symmetric. Four columns are taken at a time,
so that sums of four products are loaded and stored once.
"""

import numpy as np

from latentfit.em.primitives._compiled.jit import reordered

# Columns of factors are padded with zeros to a multiple of this.
WIDTH = 4


def inverses(L: np.ndarray) -> np.ndarray:  # noqa: N803
    """L⁻¹ of each factor, columns padded with zeros."""
    components, d, _ = L.shape
    out = np.zeros((components, d, -(-d // WIDTH) * WIDTH))
    _substitute(np.ascontiguousarray(L), out)
    return out


@reordered
def _substitute(L: np.ndarray, out: np.ndarray) -> None:  # noqa: N803
    """L⁻¹ by forward substitution."""
    for k in range(L.shape[0]):
        for column in range(L.shape[1]):
            for row in range(column, L.shape[1]):
                value = 1.0 if row == column else 0.0
                for j in range(column, row):
                    value -= L[k, row, j] * out[k, j, column]
                out[k, row, column] = value / L[k, row, row]


@reordered
def log_density(
    x: np.ndarray,
    mean: np.ndarray,
    inverse: np.ndarray,
    constant: float,
    rows: int,
    gap: np.ndarray,
    u: np.ndarray,
    out: np.ndarray,
) -> None:
    """constant - |L⁻¹ (x - μ)|² / 2."""
    for j in range(x.shape[0]):
        for i in range(rows):
            gap[j, i] = x[j, i] - mean[j]
    for i in range(rows):
        out[i] = constant
    for row in range(inverse.shape[0]):
        for i in range(rows):
            u[i] = 0.0
        for j in range(0, row + 1, WIDTH):
            a, b = inverse[row, j], inverse[row, j + 1]
            c, d = inverse[row, j + 2], inverse[row, j + 3]
            for i in range(rows):
                first = a * gap[j, i] + b * gap[j + 1, i]
                u[i] += first + (c * gap[j + 2, i] + d * gap[j + 3, i])
        for i in range(rows):
            out[i] -= 0.5 * u[i] * u[i]


@reordered
def _triangle(
    r: np.ndarray, gap: np.ndarray, rows: int, columns: int, u: np.ndarray, product: np.ndarray
) -> None:
    """Σ_i r_i gap_i gap_iᵀ, on and below the diagonal."""
    for row in range(columns):
        for i in range(rows):
            u[i] = r[i] * gap[row, i]
        for j in range(0, row + 1, WIDTH):
            a = b = c = d = 0.0
            for i in range(rows):
                a += u[i] * gap[j, i]
                b += u[i] * gap[j + 1, i]
                c += u[i] * gap[j + 2, i]
                d += u[i] * gap[j + 3, i]
            product[row, j], product[row, j + 1] = a, b
            product[row, j + 2], product[row, j + 3] = c, d


@reordered
def sums(
    r: np.ndarray,
    x: np.ndarray,
    rows: int,
    about: np.ndarray,
    gap: np.ndarray,
    u: np.ndarray,
    product: np.ndarray,
    counts: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    """Add Σ r, Σ r (x - a) and Σ r (x - a) (x - a)ᵀ of a block."""
    columns = x.shape[0]
    for k in range(r.shape[0]):
        weight = 0.0
        for i in range(rows):
            weight += r[k, i]
        counts[k] += weight
        for j in range(columns):
            for i in range(rows):
                gap[j, i] = x[j, i] - about[k, j]
            total = 0.0
            for i in range(rows):
                total += r[k, i] * gap[j, i]
            first[k, j] += total
        _triangle(r[k], gap, rows, columns, u, product)
        for row in range(columns):
            for j in range(row + 1):
                second[k, row, j] += product[row, j]
                second[k, j, row] = second[k, row, j]


@reordered
def moments(
    r: np.ndarray,
    x: np.ndarray,
    rows: int,
    gap: np.ndarray,
    u: np.ndarray,
    product: np.ndarray,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
) -> None:
    """Merge mean vectors and scatter matrices of a block into those of the rows before.

    `product` has a row more than the scatter matrix has, for the differences of the means.
    """
    columns = x.shape[0]
    for k in range(r.shape[0]):
        weight = 0.0
        for i in range(rows):
            weight += r[k, i]
        if weight == 0.0:
            continue
        count = counts[k] + weight
        share = weight / count
        for j in range(columns):
            mean = 0.0
            for i in range(rows):
                mean += r[k, i] * x[j, i]
            mean /= weight
            for i in range(rows):
                gap[j, i] = x[j, i] - mean
            product[columns, j] = mean - means[k, j]
            means[k, j] += product[columns, j] * share
        _triangle(r[k], gap, rows, columns, u, product)
        between = counts[k] * share
        for row in range(columns):
            for j in range(row + 1):
                shift = product[columns, row] * product[columns, j]
                scatter[k, row, j] += product[row, j] + between * shift
                scatter[k, j, row] = scatter[k, row, j]
        counts[k] = count

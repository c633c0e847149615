"""Quadratic forms and scatter matrices of a block of rows.

Blocks are transposed as in `blocks`. Both computations multiply a matrix by a block, and half of
the entries are known in advance: the inverse of a Cholesky factor is lower triangular, a scatter
matrix is symmetric. Four columns are processed at a time, so that four products are added for
each load and store.

The functions share buffers of the caller's: `deviations`, shape (d padded to a multiple of
`COLUMN_UNIT`, block rows), whose padding must be zero; `row_buffer`, shape (block rows,); and
`products`, shape (d + 1, d padded).
"""

import numpy as np

from latentfit.em.primitives._compiled.jit import jit_reassociate

# Columns are padded with zeros to a multiple of this.
COLUMN_UNIT = 4


def inverse_factors(L: np.ndarray) -> np.ndarray:  # noqa: N803
    """Invert Cholesky factors, shape (K, d, d); the columns of the result are padded with zeros."""
    components, d, _ = L.shape
    out = np.zeros((components, d, -(-d // COLUMN_UNIT) * COLUMN_UNIT))
    _substitute_forward(np.ascontiguousarray(L), out)
    return out


@jit_reassociate
def _substitute_forward(L: np.ndarray, out: np.ndarray) -> None:  # noqa: N803
    """Fill L⁻¹ by forward substitution."""
    for k in range(L.shape[0]):
        for column in range(L.shape[1]):
            for row in range(column, L.shape[1]):
                value = 1.0 if row == column else 0.0
                for j in range(column, row):
                    value -= L[k, row, j] * out[k, j, column]
                out[k, row, column] = value / L[k, row, row]


@jit_reassociate
def log_density(
    x: np.ndarray,
    mean: np.ndarray,
    inverse: np.ndarray,
    log_constant: float,
    rows: int,
    deviations: np.ndarray,
    row_buffer: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill `out` with log_constant - |L⁻¹ (x - μ)|² / 2 of each row, one component."""
    for j in range(x.shape[0]):
        for i in range(rows):
            deviations[j, i] = x[j, i] - mean[j]
    for i in range(rows):
        out[i] = log_constant
    for row in range(inverse.shape[0]):
        for i in range(rows):
            row_buffer[i] = 0.0
        for j in range(0, row + 1, COLUMN_UNIT):
            a, b = inverse[row, j], inverse[row, j + 1]
            c, d = inverse[row, j + 2], inverse[row, j + 3]
            for i in range(rows):
                first = a * deviations[j, i] + b * deviations[j + 1, i]
                row_buffer[i] += first + (c * deviations[j + 2, i] + d * deviations[j + 3, i])
        for i in range(rows):
            out[i] -= 0.5 * row_buffer[i] * row_buffer[i]


@jit_reassociate
def _fill_lower_triangle(
    r: np.ndarray,
    deviations: np.ndarray,
    rows: int,
    columns: int,
    row_buffer: np.ndarray,
    products: np.ndarray,
) -> None:
    """Fill Σ_i r_i e_i e_iᵀ on and below the diagonal, where e_i are the deviations of row i."""
    for row in range(columns):
        for i in range(rows):
            row_buffer[i] = r[i] * deviations[row, i]
        for j in range(0, row + 1, COLUMN_UNIT):
            a = b = c = d = 0.0
            for i in range(rows):
                a += row_buffer[i] * deviations[j, i]
                b += row_buffer[i] * deviations[j + 1, i]
                c += row_buffer[i] * deviations[j + 2, i]
                d += row_buffer[i] * deviations[j + 3, i]
            products[row, j], products[row, j + 1] = a, b
            products[row, j + 2], products[row, j + 3] = c, d


@jit_reassociate
def add_moments(
    r: np.ndarray,
    x: np.ndarray,
    rows: int,
    deviations: np.ndarray,
    row_buffer: np.ndarray,
    products: np.ndarray,
    counts: np.ndarray,
    means: np.ndarray,
    scatter: np.ndarray,
) -> None:
    """Merge mean vectors and scatter matrices of a block into those of the preceding rows.

    `counts` has the shape (K,), `means` (K, d) and `scatter` (K, d, d). The last row of `products`
    holds the differences of the means.
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
                deviations[j, i] = x[j, i] - mean
            products[columns, j] = mean - means[k, j]
            means[k, j] += products[columns, j] * share
        _fill_lower_triangle(r[k], deviations, rows, columns, row_buffer, products)
        between = counts[k] * share
        for row in range(columns):
            for j in range(row + 1):
                shift = products[columns, row] * products[columns, j]
                scatter[k, row, j] += products[row, j] + between * shift
                scatter[k, j, row] = scatter[k, row, j]
        counts[k] = count


@jit_reassociate
def add_sums(
    r: np.ndarray,
    x: np.ndarray,
    rows: int,
    about: np.ndarray,
    deviations: np.ndarray,
    row_buffer: np.ndarray,
    products: np.ndarray,
    counts: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> None:
    """Add Σ r, Σ r (x - a) and Σ r (x - a) (x - a)ᵀ of a block.

    `counts` has the shape (K,), `about` and `first` (K, d), `second` (K, d, d).
    """
    columns = x.shape[0]
    for k in range(r.shape[0]):
        weight = 0.0
        for i in range(rows):
            weight += r[k, i]
        counts[k] += weight
        for j in range(columns):
            for i in range(rows):
                deviations[j, i] = x[j, i] - about[k, j]
            total = 0.0
            for i in range(rows):
                total += r[k, i] * deviations[j, i]
            first[k, j] += total
        _fill_lower_triangle(r[k], deviations, rows, columns, row_buffer, products)
        for row in range(columns):
            for j in range(row + 1):
                second[k, row, j] += products[row, j]
                second[k, j, row] = second[k, row, j]

"""Many small symmetric positive definite matrices at once.

For matrices of a few rows, Cholesky's method is written out: each of its steps is then one
operation on vectors with an entry for every matrix, instead of a call for each matrix.
"""

from typing import Any

import pytensor.tensor as pt

# Number of rows up to which Cholesky's method is written out.
_MAX_WRITTEN_OUT_ROWS = 3


def solve_positive_definite(matrices: Any, right: Any, size: int) -> tuple[Any, Any, Any]:
    """Solve M u = r for positive definite matrices M.

    Parameters
    ----------
    matrices : TensorVariable, shape (count, size, size)
    right : TensorVariable, shape (count, size)
    size : int

    Returns
    -------
    solution : TensorVariable, shape (count, size)
    log_determinant : TensorVariable, shape (count,)
    inverse : TensorVariable, shape (count, size, size)
    """
    if size > _MAX_WRITTEN_OUT_ROWS:
        factor = pt.linalg.cholesky(matrices)
        identity = pt.broadcast_to(pt.eye(size), matrices.shape)
        inverse_factor: Any = pt.linalg.solve_triangular(factor, identity, lower=True)
        inverse: Any = pt.matmul(inverse_factor.mT, inverse_factor)
        solution = pt.matmul(inverse, right[..., None])[..., 0]
        diagonal = pt.diagonal(factor, axis1=-2, axis2=-1)
        return solution, 2 * pt.sum(pt.log(diagonal), axis=-1), inverse
    entries_of_factor = _cholesky(matrices, size)
    lower = _inverse_of_triangle(entries_of_factor, size)
    entries = [
        [sum(lower[k][i] * lower[k][j] for k in range(max(i, j), size)) for j in range(size)]
        for i in range(size)
    ]
    solution = [sum(entries[i][j] * right[:, j] for j in range(size)) for i in range(size)]
    log_determinant = 2 * sum(pt.log(entries_of_factor[i][i]) for i in range(size))
    stacked = pt.stack([pt.stack(row, axis=-1) for row in entries], axis=-2)
    return pt.stack(solution, axis=-1), log_determinant, stacked


def cholesky_factors(matrices: Any, size: int) -> Any:
    """Compute lower triangular matrices L with M = L Lᵀ, shape (count, size, size)."""
    if size > _MAX_WRITTEN_OUT_ROWS:
        return pt.linalg.cholesky(matrices)
    entries = _cholesky(matrices, size)
    zero = pt.zeros_like(matrices[:, 0, 0])
    rows = [[zero if entry is None else entry for entry in row] for row in entries]
    return pt.stack([pt.stack(row, axis=-1) for row in rows], axis=-2)


def _cholesky(matrices: Any, size: int) -> list[list[Any]]:
    """Compute the entries of L with M = L Lᵀ, each a vector over the matrices; None above."""
    factor: list[list[Any]] = [[None] * size for _ in range(size)]
    for j in range(size):
        for i in range(j, size):
            rest = matrices[:, i, j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            factor[i][j] = pt.sqrt(rest) if i == j else rest / factor[j][j]
    return factor


def _inverse_of_triangle(factor: list[list[Any]], size: int) -> list[list[Any]]:
    """Invert lower triangular matrices by forward substitution, column by column."""
    inverse: list[list[Any]] = [[0.0] * size for _ in range(size)]
    for j in range(size):
        inverse[j][j] = 1 / factor[j][j]
        for i in range(j + 1, size):
            known = sum(factor[i][k] * inverse[k][j] for k in range(j, i))
            inverse[i][j] = -known / factor[i][i]
    return inverse

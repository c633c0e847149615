"""Many small symmetric matrices at once.

Up to a few rows, Cholesky's method is written out: each of its steps is then one operation on
vectors with an entry for every matrix, where a loop over the matrices would take a call for each.
"""

from typing import Any

import pytensor.tensor as pt

_WRITTEN_OUT = 3


def solve(matrices: Any, right: Any, size: int) -> tuple[Any, Any, Any]:
    """Solve M u = r for positive definite matrices.

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
    if size > _WRITTEN_OUT:
        factor = pt.linalg.cholesky(matrices)
        whole = pt.broadcast_to(pt.eye(size), matrices.shape)
        half: Any = pt.linalg.solve_triangular(factor, whole, lower=True)
        inverse: Any = pt.matmul(half.mT, half)
        solution = pt.matmul(inverse, right[..., None])[..., 0]
        diagonal = pt.diagonal(factor, axis1=-2, axis2=-1)
        return solution, 2 * pt.sum(pt.log(diagonal), axis=-1), inverse
    written = _cholesky(matrices, size)
    lower = _inverse_of_triangle(written, size)
    entries = [
        [sum(lower[k][i] * lower[k][j] for k in range(max(i, j), size)) for j in range(size)]
        for i in range(size)
    ]
    solution = [sum(entries[i][j] * right[:, j] for j in range(size)) for i in range(size)]
    log_determinant = 2 * sum(pt.log(written[i][i]) for i in range(size))
    stacked = pt.stack([pt.stack(row, axis=-1) for row in entries], axis=-2)
    return pt.stack(solution, axis=-1), log_determinant, stacked


def root(matrices: Any, size: int) -> Any:
    """Lower triangles L with M = L Lᵀ, shape (count, size, size)."""
    if size > _WRITTEN_OUT:
        return pt.linalg.cholesky(matrices)
    written = _cholesky(matrices, size)
    zero = pt.zeros_like(matrices[:, 0, 0])
    rows = [[zero if entry is None else entry for entry in row] for row in written]
    return pt.stack([pt.stack(row, axis=-1) for row in rows], axis=-2)


def _cholesky(matrices: Any, size: int) -> list[list[Any]]:
    """The lower triangle L with M = L Lᵀ, entry by entry."""
    factor: list[list[Any]] = [[None] * size for _ in range(size)]
    for j in range(size):
        for i in range(j, size):
            rest = matrices[:, i, j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            factor[i][j] = pt.sqrt(rest) if i == j else rest / factor[j][j]
    return factor


def _inverse_of_triangle(factor: list[list[Any]], size: int) -> list[list[Any]]:
    """By substitution, column by column."""
    inverse: list[list[Any]] = [[0.0] * size for _ in range(size)]
    for j in range(size):
        inverse[j][j] = 1 / factor[j][j]
        for i in range(j + 1, size):
            carried = sum(factor[i][k] * inverse[k][j] for k in range(j, i))
            inverse[i][j] = -carried / factor[i][i]
    return inverse

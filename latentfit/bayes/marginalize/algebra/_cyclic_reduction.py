r"""Solution of block tridiagonal systems by cyclic reduction.

A symmetric positive definite matrix M that is block tridiagonal is the precision matrix of a
Gaussian Markov chain. Gaussian elimination from one end to the other is the Kalman filter in
information form, and back substitution is the smoother. Here every second unknown is eliminated in
one step, then every second one of those that remain, and so on (cyclic reduction: Hockney 1965,
Journal of the ACM 12(1); for state space models Särkkä & García-Fernández 2021, IEEE Transactions
on Automatic Control 66(1)). The number of steps is the logarithm of the length, and each step is a
few operations on whole arrays.
"""

from typing import Any

import pytensor.tensor as pt

from latentfit.bayes.marginalize.algebra._small_matrices import solve_positive_definite


def solve_block_tridiagonal(
    diagonal: Any, beside: Any, right: Any, times: int, size: int
) -> tuple[Any, Any]:
    """Solve M u = r for symmetric positive definite, block tridiagonal matrices M.

    Parameters
    ----------
    diagonal : TensorVariable, shape (count, times, size, size)
        Blocks of M on the diagonal.
    beside : TensorVariable, shape (count, times - 1, size, size)
        Blocks (t, t + 1) of M, above the diagonal.
    right : TensorVariable, shape (count, times, size)
        The right-hand sides r.
    times, size : int

    Returns
    -------
    solution : TensorVariable, shape (count, times, size)
    log_determinant : TensorVariable, shape (count,)
    """
    if times == 1:
        inverse, log_determinants = _inverse(diagonal, size)
        return _matrix_times_vector(inverse, right, size), log_determinants.sum(axis=1)
    # The blocks at odd times are eliminated. Each has an even block before it, and all of them,
    # except perhaps the last one, have an even block after it.
    odd, pairs = times // 2, (times - 1) // 2
    inverse, log_determinants = _inverse(diagonal[:, 1::2], size)
    before, after = beside[:, 0::2], beside[:, 1::2]
    rights = right[:, 1::2]
    to_before = _product(before, inverse, size)
    to_after = _product(_transposed(after), inverse[:, :pairs], size)
    evens = pt.inc_subtensor(
        diagonal[:, 0::2][:, :odd], -_product(to_before, _transposed(before), size)
    )
    evens = pt.inc_subtensor(evens[:, 1 : pairs + 1], -_product(to_after, after, size))
    reduced_right = pt.inc_subtensor(
        right[:, 0::2][:, :odd], -_matrix_times_vector(to_before, rights, size)
    )
    reduced_right = pt.inc_subtensor(
        reduced_right[:, 1 : pairs + 1], -_matrix_times_vector(to_after, rights[:, :pairs], size)
    )
    reduced_beside = -_product(to_before[:, :pairs], after, size)
    half = times - odd
    even, remaining = solve_block_tridiagonal(evens, reduced_beside, reduced_right, half, size)
    left = rights - _matrix_times_vector(_transposed(before), even[:, :odd], size)
    left = pt.inc_subtensor(
        left[:, :pairs], -_matrix_times_vector(after, even[:, 1 : pairs + 1], size)
    )
    solution = pt.zeros_like(right)
    solution = pt.set_subtensor(solution[:, 0::2], even)
    solution = pt.set_subtensor(solution[:, 1::2], _matrix_times_vector(inverse, left, size))
    return solution, log_determinants.sum(axis=1) + remaining


def _inverse(matrices: Any, size: int) -> tuple[Any, Any]:
    """Compute inverses and log determinants, shapes (count, times, size, size), (count, times)."""
    if size == 1:
        return 1 / matrices, pt.log(matrices[:, :, 0, 0])
    flat = matrices.reshape((-1, size, size))
    _, log_determinants, inverse = solve_positive_definite(
        flat, pt.zeros((flat.shape[0], size)), size
    )
    return inverse.reshape(matrices.shape), log_determinants.reshape(matrices.shape[:2])


def _product(one: Any, other: Any, size: int) -> Any:
    return one * other if size == 1 else pt.matmul(one, other)


def _matrix_times_vector(matrices: Any, vectors: Any, size: int) -> Any:
    if size == 1:
        return matrices[..., 0] * vectors
    return pt.matmul(matrices, vectors[..., None])[..., 0]


def _transposed(matrices: Any) -> Any:
    return pt.swapaxes(matrices, -1, -2)

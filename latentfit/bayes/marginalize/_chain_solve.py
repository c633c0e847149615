r"""Systems of equations in which each unknown is tied to its neighbours alone.

A symmetric positive definite matrix M that is block tridiagonal is the precision of a Gaussian
Markov chain. Gaussian elimination from one end to the other is the Kalman filter in information
form, and back substitution the smoother. Here every other unknown is eliminated at once, then every
other of those that are left, and so on (cyclic reduction: Hockney 1965, Journal of the ACM 12(1);
for state space models Särkkä & García-Fernández 2021, IEEE Transactions on Automatic Control
66(1)): as many sweeps as the logarithm of the length, each a few operations on whole arrays.
"""

from typing import Any

import pytensor.tensor as pt

from latentfit.bayes.marginalize._matrices import solve


def solve_chain(diagonal: Any, beside: Any, right: Any, times: int, size: int) -> tuple[Any, Any]:
    """Solve M u = r.

    Parameters
    ----------
    diagonal : TensorVariable, shape (count, times, size, size)
        Blocks of M on the diagonal.
    beside : TensorVariable, shape (count, times - 1, size, size)
        Blocks (t, t + 1).
    right : TensorVariable, shape (count, times, size)
    times, size : int

    Returns
    -------
    solution : TensorVariable, shape (count, times, size)
    log_determinant : TensorVariable, shape (count,)
    """
    if times == 1:
        inverse, log_determinants = _inverse(diagonal, size)
        return _times(inverse, right, size), log_determinants.sum(axis=1)
    # Odd ones are eliminated. Each has an even one before it, all but perhaps the last one after.
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
    shifted = pt.inc_subtensor(right[:, 0::2][:, :odd], -_times(to_before, rights, size))
    shifted = pt.inc_subtensor(
        shifted[:, 1 : pairs + 1], -_times(to_after, rights[:, :pairs], size)
    )
    ties = -_product(to_before[:, :pairs], after, size)
    half = times - odd
    even, rest = solve_chain(evens, ties, shifted, half, size)
    left = rights - _times(_transposed(before), even[:, :odd], size)
    left = pt.inc_subtensor(left[:, :pairs], -_times(after, even[:, 1 : pairs + 1], size))
    found = pt.zeros_like(right)
    found = pt.set_subtensor(found[:, 0::2], even)
    found = pt.set_subtensor(found[:, 1::2], _times(inverse, left, size))
    return found, log_determinants.sum(axis=1) + rest


def _inverse(matrices: Any, size: int) -> tuple[Any, Any]:
    """Inverses, and log determinants, shape (count, times)."""
    if size == 1:
        return 1 / matrices, pt.log(matrices[:, :, 0, 0])
    flat = matrices.reshape((-1, size, size))
    _, log_determinants, inverse = solve(flat, pt.zeros((flat.shape[0], size)), size)
    return inverse.reshape(matrices.shape), log_determinants.reshape(matrices.shape[:2])


def _product(one: Any, other: Any, size: int) -> Any:
    return one * other if size == 1 else pt.matmul(one, other)


def _times(matrices: Any, vectors: Any, size: int) -> Any:
    if size == 1:
        return matrices[..., 0] * vectors
    return pt.matmul(matrices, vectors[..., None])[..., 0]


def _transposed(matrices: Any) -> Any:
    return pt.swapaxes(matrices, -1, -2)

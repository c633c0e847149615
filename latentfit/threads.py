"""Limit the number of threads that linear algebra libraries use."""

from collections.abc import Callable
from functools import wraps


def one_thread[**P, T](work: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function so that linear algebra uses one thread while it runs.

    The matrices in these functions have few rows, and the chains of the sampler already run in
    parallel. On a busy machine, threads that wait for each other make a call that takes
    microseconds take twenty milliseconds.
    """

    @wraps(work)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        # SciPy loads its own BLAS library, which can be limited only after it is loaded.
        import scipy.linalg  # noqa: F401
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1, user_api="blas"):
            return work(*args, **kwargs)

    return limited

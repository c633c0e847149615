"""How many threads linear algebra may have."""

from collections.abc import Callable
from functools import wraps


def one_thread[**P, T](work: Callable[P, T]) -> Callable[P, T]:
    """Give linear algebra one thread for as long as a function runs.

    Matrices are of a few rows there, and the chains of the sampler run side by side already.
    Threads that wait for one another make a call of microseconds, on a busy machine, one of twenty
    milliseconds.
    """

    @wraps(work)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        # SciPy brings a library of its own, which is limited only if it is loaded by now.
        import scipy.linalg  # noqa: F401
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1, user_api="blas"):
            return work(*args, **kwargs)

    return limited

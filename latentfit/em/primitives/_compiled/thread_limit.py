"""Limit on the number of threads that one call of a primitive may use.

This module does not import Numba, so that the limit can be set without loading the compiler.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_limit: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Limit the threads of every primitive that is called inside ``with threads(number):``.

    Without a limit a primitive uses as many threads as Numba would: NUMBA_NUM_THREADS, or the
    number of processors that the process may use. One thread is enough where several EM runs are
    computed at the same time; `latentfit.em` sets that limit itself. The results do not depend
    on the number of threads.

    Parameters
    ----------
    number : int
        Maximum number of threads, at least 1.

    Raises
    ------
    ValueError
        `number` is below 1.
    """
    if number < 1:
        raise ValueError(f"threads must be at least 1, not {number}")
    token = _limit.set(number)
    try:
        yield
    finally:
        _limit.reset(token)


def thread_limit() -> int | None:
    """Return the limit set by the innermost `threads`, or None outside of any."""
    return _limit.get()

"""How many threads a primitive may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_limit: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """At most so many threads for each primitive called inside ``with threads(number):``.

    Without it they are as many as Numba's: NUMBA_NUM_THREADS, or the processors that the process
    may use. One is enough where runs are side by side already, and `latentfit.em` sees to that
    itself. Results do not depend on it.

    Parameters
    ----------
    number : int
        At least 1.

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


def limit() -> int | None:
    """What `threads` said, if it said anything."""
    return _limit.get()

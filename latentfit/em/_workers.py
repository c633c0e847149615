"""Processes of this machine's own, for runs side by side.

Processes and not threads: steps are Python, of which one thread runs at a time, and a process can
be told to end where a thread cannot. They are started afresh and not copied, since the copy of a
process that has threads may wait forever for one that was not copied.
"""

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from latentfit.errors import InputError


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor | None]:
    """An executor of so many processes; None, for runs one after the other, where it is one.

    Whatever ends the block, none of them is left behind: after an error or an interrupt they
    are ended, whatever they are at.

    Parameters
    ----------
    count : int

    Raises
    ------
    InputError
        It is below 1.

    Examples
    --------
    >>> import latentfit
    >>> from latentfit import em
    >>> with em.workers(2) as executor:
    ...     fit = latentfit.load("genetic-linkage").fit(starts=2, seed=1, executor=executor)
    >>> len(fit.solutions)
    2
    """
    if count < 1:
        raise InputError(f"workers must be at least 1, not {count}")
    if count == 1:
        yield None
        return
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_quietly)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        # Waits for the pool's own thread, which Python would wake up at its end otherwise, through
        # a pipe that the thread may be closing.
        pool.shutdown(cancel_futures=True)


def _quietly() -> None:
    """An interrupt from the terminal reaches all processes, and one of them is to speak of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

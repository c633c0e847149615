"""Worker processes on this machine, for runs in parallel.

Processes are used instead of threads because steps are Python code, of which only one thread runs
at a time, and because a process can be terminated while a thread cannot. The processes are spawned
and not forked: a fork of a process with several threads may wait forever for a lock that belonged
to a thread that was not copied.
"""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess

from latentfit.errors import InputError
from latentfit.supervision import die_with_parent, interrupts_ignored

# No machine has more cores by an order of magnitude.
_MAX_WORKERS = 1024


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor | None]:
    """Provide an executor with worker processes for the length of a ``with`` block.

    No process outlives the block: after an error or an interrupt the processes are terminated,
    whatever they are doing.

    Parameters
    ----------
    count : int
        Number of processes. With 1 there is no executor: the context is None, and runs follow one
        another in this process.

    Raises
    ------
    InputError
        `count` is below 1 or above 1024.

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
    if count > _MAX_WORKERS:
        raise InputError(f"workers must be at most {_MAX_WORKERS}, not {count}")
    if count == 1:
        yield None
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, mp_context=_WorkerContext(), initializer=die_with_parent)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        # The shutdown waits for the pool's own thread. Otherwise Python would wake that thread up
        # at exit, through a pipe that the thread may be closing.
        pool.shutdown(cancel_futures=True)


class _WorkerProcess(SpawnProcess):
    """A spawned process that ignores Ctrl-C."""

    def start(self) -> None:
        with interrupts_ignored():
            super().start()


class _WorkerContext(SpawnContext):
    """Starts `_WorkerProcess`es."""

    Process = _WorkerProcess

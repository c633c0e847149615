"""Rows in chunks, and chunks on threads.

How rows are cut depends on their number alone, each chunk has sums of its own, and these are
added in the order of the chunks: the result is the same, to the last bit, on any number of
threads. At most 64 chunks bound the memory that their sums take.

The threads are Python's, which the kernels do not hold up. Unlike those of Numba's parallel loops
they may be used by several threads at once and after a fork.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba

from latentfit.em.primitives._threads import limit

MOST_CHUNKS = 64
_LEAST_ROWS = 2048
# Operations, by the hundred thousand, that are worth waking a thread for: some 50 microseconds.
_WORTH = 100_000

_AVAILABLE: int = vars(numba.config)["NUMBA_NUM_THREADS"]

_pool: ThreadPoolExecutor | None = None


def cut(rows: int) -> tuple[int, int]:
    """Number of chunks, and rows in each but the last."""
    size = max(_LEAST_ROWS, -(-rows // MOST_CHUNKS))
    size = -(-size // _LEAST_ROWS) * _LEAST_ROWS
    return max(1, -(-rows // size)), size


def spread(kernel: Callable[..., Any], chunks: int, work: float, *arguments: Any) -> None:
    """``kernel(first, last, *arguments)`` for runs of chunks that together are all.

    `work` is the number of operations on all of them, by its order of magnitude.
    """
    most = limit() or _AVAILABLE
    number = max(1, min(most, chunks, int(work / _WORTH)))
    edges = [chunks * part // number for part in range(number + 1)]
    tasks = [
        _threads().submit(kernel, edges[part], edges[part + 1], *arguments)
        for part in range(1, number)
    ]
    try:
        kernel(edges[0], edges[1], *arguments)
    finally:
        for task in tasks:
            task.result()


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(MOST_CHUNKS, thread_name_prefix="latentfit")
    return _pool


def _forget() -> None:
    global _pool
    _pool = None


# Threads do not live on in a forked process.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

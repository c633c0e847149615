"""Split the rows into chunks and compute the chunks on several threads.

The split depends on the number of rows alone, every chunk has sums of its own, and these are
added in the order of the chunks. The result is therefore the same, to the last bit, for any
number of threads. The number of chunks is bounded to bound the memory of their sums.

The threads are Python threads, because the kernels release the interpreter lock. Unlike Numba's
parallel loops they can be used from several threads at once and after a fork.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba

from latentfit.em.primitives._compiled.thread_limit import thread_limit

MAX_CHUNKS = 64
# The number of rows in a chunk is a multiple of this.
_CHUNK_ROW_UNIT = 2048
# Floating-point operations, about 50 microseconds of them, below which waking another thread
# takes longer than it saves.
_MIN_OPERATIONS_PER_THREAD = 100_000

_DEFAULT_THREADS: int = vars(numba.config)["NUMBA_NUM_THREADS"]

_pool: ThreadPoolExecutor | None = None


def split_rows(rows: int) -> tuple[int, int]:
    """Return the number of chunks, and the number of rows in each chunk except the last."""
    size = max(_CHUNK_ROW_UNIT, -(-rows // MAX_CHUNKS))
    size = -(-size // _CHUNK_ROW_UNIT) * _CHUNK_ROW_UNIT
    return max(1, -(-rows // size)), size


def run_chunks(kernel: Callable[..., Any], chunks: int, operations: float, *arguments: Any) -> None:
    """Call a kernel on all chunks, on several threads if there is enough work.

    Parameters
    ----------
    kernel : callable
        Called as ``kernel(first_chunk, last_chunk, *arguments)`` for consecutive ranges of
        chunks, `last_chunk` excluded.
    chunks : int
        Number of chunks.
    operations : float
        Order of magnitude of the number of floating-point operations on all chunks.
    *arguments
        Further arguments of the kernel.
    """
    max_threads = thread_limit() or _DEFAULT_THREADS
    number = max(1, min(max_threads, chunks, int(operations / _MIN_OPERATIONS_PER_THREAD)))
    edges = [chunks * part // number for part in range(number + 1)]
    tasks = [
        _thread_pool().submit(kernel, edges[part], edges[part + 1], *arguments)
        for part in range(1, number)
    ]
    try:
        kernel(edges[0], edges[1], *arguments)
    finally:
        for task in tasks:
            task.result()


def _thread_pool() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(MAX_CHUNKS, thread_name_prefix="latentfit")
    return _pool


def _discard_thread_pool() -> None:
    global _pool
    _pool = None


# The threads of a process do not exist in a process that was forked from it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_discard_thread_pool)

"""What this machine can do at all, measured in the same run.

An iteration takes at least as long as reading its data from memory takes, and as long as its
arithmetic: products and sums at the rate of a matrix multiplication, exponentials at NumPy's rate
in the cache. Arithmetic shares the same units and adds up; memory is read meanwhile.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from engine._case import Work


@dataclass(frozen=True)
class Machine:
    """Rates per second, with some number of threads.

    Attributes
    ----------
    bytes, flops, exponentials : float
    """

    bytes: float
    flops: float
    exponentials: float

    def least(self, work: Work) -> float:
        """Seconds that the work takes at these rates."""
        arithmetic = work.flops / self.flops + work.exponentials / self.exponentials
        return max(work.bytes / self.bytes, arithmetic)


def measured(threads: int, repeats: int) -> Machine:
    data = np.ones((threads, 2**24))
    near = np.linspace(-20, 0, 4096 * threads).reshape(threads, -1)
    out, square = np.empty_like(near), np.ones((1024, 1024))

    def exponentials(part: int) -> None:
        for _ in range(100):
            np.exp(near[part], out=out[part])

    with ThreadPoolExecutor(threads) as pool, threadpool_limits(threads):
        reading = best(lambda: [*pool.map(lambda part: data[part].max(), range(threads))], repeats)
        exps = best(lambda: [*pool.map(exponentials, range(threads))], repeats)
        product = best(lambda: square @ square, repeats)
    return Machine(data.nbytes / reading, 2 * 1024**3 / product, 100 * near.size / exps)


def best(call: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)

"""The limits of this machine, measured in the same run.

An iteration takes at least the time of reading its data from memory, and at least the time of its
arithmetic. Products and sums are counted at the rate of a matrix multiplication. Exponentials are
counted at NumPy's rate in the cache or at that of the primitives, whichever is higher, since NumPy
computes one at a time if the processor lacks AVX-512. Times of arithmetic are added, because they
use the same units of the processor; memory is read at the same time.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from engine._case import Work
from latentfit.em.primitives._compiled.chain_scaled import exponentials


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
        """The least number of seconds for the work at these rates."""
        arithmetic = work.flops / self.flops + work.exponentials / self.exponentials
        return max(work.bytes / self.bytes, arithmetic)

    def at_best(self, other: "Machine") -> "Machine":
        """The higher of the rates that were measured at two times."""
        return Machine(
            max(self.bytes, other.bytes),
            max(self.flops, other.flops),
            max(self.exponentials, other.exponentials),
        )


def measured(threads: int, repeats: int) -> Machine:
    data = np.ones((threads, 2**24))
    # Enough at a time that threads rarely wait for Python's lock, and few enough for a cache.
    near = np.linspace(-20, 0, 2**14 * threads).reshape(threads, -1, 4)
    out, square = np.empty_like(near), np.ones((1024, 1024))

    def library(part: int) -> None:
        for _ in range(100):
            np.exp(near[part], out=out[part])

    def primitive(part: int) -> None:
        # In place and repeatedly: any values do, as long as they are not positive.
        block = -near[part]
        for _ in range(100):
            np.negative(block, out=block)
            exponentials(block, len(block))

    with ThreadPoolExecutor(threads) as pool, threadpool_limits(threads):
        reading = best(lambda: [*pool.map(lambda part: data[part].max(), range(threads))], repeats)
        theirs = best(lambda: [*pool.map(library, range(threads))], repeats)
        ours = best(lambda: [*pool.map(primitive, range(threads))], repeats)
        product = best(lambda: square @ square, repeats)
    return Machine(
        data.nbytes / reading, 2 * 1024**3 / product, 100 * near.size / min(ours, theirs)
    )


def best(call: Callable[[], object], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)

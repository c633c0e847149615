"""What this machine can do at all, measured in the same run.

An iteration takes at least as long as reading its data from memory takes, and as long as its
arithmetic: products and sums at the rate of a matrix multiplication, exponentials in the cache at
NumPy's rate or at that of the primitives, whichever is higher, since NumPy's takes one at a time
where the processor lacks AVX-512. Arithmetic shares the same units and adds up; memory is read
meanwhile.
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
        """Seconds that the work takes at these rates."""
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
    # So many at a time that threads hardly wait for Python's lock, and no more than a cache holds.
    near = np.linspace(-20, 0, 2**14 * threads).reshape(threads, -1, 4)
    out, square = np.empty_like(near), np.ones((1024, 1024))

    def library(part: int) -> None:
        for _ in range(100):
            np.exp(near[part], out=out[part])

    def primitive(part: int) -> None:
        # In their place, again and again: any numbers do, as long as none is above 0.
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

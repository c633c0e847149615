"""One comparison: two programs for one log-likelihood, and the least work of an iteration."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from latentfit import em
from latentfit.em import Stopping

# From a number of iterations to the log-likelihood at the parameters after the last of them.
Fit = Callable[[int], float]


@dataclass(frozen=True, kw_only=True)
class Work:
    """The least work of one iteration.

    Attributes
    ----------
    bytes : int
        Read from memory: the data, once.
    flops : int
        Additions, multiplications and comparisons, without those of exponentials.
    exponentials : int
    """

    bytes: int
    flops: int
    exponentials: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, data of one size, and a peer.

    Attributes
    ----------
    model, size, peer : str
    target : float or None
        How many times faster than the peer an iteration has to be; None if there is no target.
    ours : Loop
    theirs : callable
    iterations : (int, int)
        Fits with both numbers are timed. The difference is the time of the additional iterations,
        without the time before the first and after the last one.
    work : Work
    """

    model: str
    size: str
    peer: str
    target: float | None
    ours: "Loop"
    theirs: Fit
    iterations: tuple[int, int]
    work: Work


class Loop:
    """A fit by `latentfit.em.run`.

    Attributes
    ----------
    inside : float
        Seconds that the latest fit spent in the E step and the M step.
    """

    def __init__(
        self,
        e_step: Callable[..., Any],
        m_step: Callable[..., Any],
        data: Mapping[str, Any],
        start: Mapping[str, Any],
    ) -> None:
        self.inside = 0.0
        self._steps = self._timed(e_step), self._timed(m_step)
        self._data, self._start = data, start

    def __call__(self, iterations: int) -> float:
        self.inside = 0.0
        never = Stopping(distance=None, parameters=None, max_iterations=iterations)
        solution = em.run(*self._steps, self._data, self._start, stopping=never)
        if solution.iterations != iterations:
            raise RuntimeError(f"stopped early: {solution.message}")
        return float(solution.expectations["log_likelihood"])

    def _timed(self, step: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(step)
        def timed(*args: Any) -> Any:
            began = time.perf_counter()
            result = step(*args)
            self.inside += time.perf_counter() - began
            return result

        return timed

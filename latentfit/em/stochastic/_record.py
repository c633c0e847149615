"""The record of a stochastic run, from which its solution is assembled."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from latentfit.em.layout import Layout
from latentfit.em.stochastic._iterate_averages import IterateAverages, IterateMean
from latentfit.em.stochastic._result import (
    MIN_SETTLED_SAMPLE_SIZE,
    StochasticSolution,
    StochasticTrace,
)
from latentfit.em.stochastic._stop import StochasticStop

# Size of the trace: iterates, but at least _MIN_TRACE_ITERATES, and numbers in total.
_MAX_TRACE_ITERATES = 1000
_MIN_TRACE_ITERATES = 20
_MAX_TRACE_NUMBERS = 2**20


class RunRecord:
    """Record the iterates of a run that its solution reports.

    Parameters
    ----------
    layout : Layout
    start : ndarray, shape (p,)
        Starting values.
    average_from : int or None
        The first iteration whose params are averaged; None for the later half of all iterations.

    Attributes
    ----------
    start : ndarray, shape (p,)
    iterations, units : int
        Numbers of iterations, and of processed units, so far.
    """

    def __init__(self, layout: Layout, start: np.ndarray, average_from: int | None) -> None:
        self.start = start
        self.iterations = self.units = 0
        self._sum_of_step_sizes = 0.0
        self._layout = layout
        self._average_from = average_from
        self._averages = IterateAverages(start.size)
        self._trace_stride = 1
        fitting = min(_MAX_TRACE_ITERATES, _MAX_TRACE_NUMBERS // start.size)
        self._max_trace = max(_MIN_TRACE_ITERATES, fitting)
        self._trace = {0: start}

    def add(self, flat: np.ndarray | None, step: float, units: int) -> None:
        """Record an iteration.

        Parameters
        ----------
        flat : ndarray, shape (p,), or None
            The parameters; None if there was no M step.
        step : float
            Step size.
        units : int
            Number of units that the E step processed.
        """
        self.iterations += 1
        self.units += units
        self._sum_of_step_sizes += step
        if flat is None:
            return
        if self._average_from is None or self.iterations >= self._average_from:
            self._averages.add(flat)
        if self.iterations % self._trace_stride == 0:
            self._trace[self.iterations] = flat
        if len(self._trace) > self._max_trace:
            self._trace_stride *= 2
            self._trace = {
                iteration: kept
                for iteration, kept in self._trace.items()
                if not iteration % self._trace_stride
            }

    def solution(
        self,
        last: np.ndarray,
        statistics: Mapping[str, Any],
        seed: int,
        stop: StochasticStop,
        reason: str,
    ) -> StochasticSolution:
        """Assemble the solution.

        Parameters
        ----------
        last : ndarray, shape (p,)
            The last iterate.
        statistics : mapping
            The sums that the last M step was given.
        seed : int
        stop : StochasticStop
        reason : str
            A clause that explains `stop`; may be empty.
        """
        later_half = self._average_from is None
        averaged = None if stop.degenerate else self._averages.mean(later_half=later_half)
        unknown = np.full(last.size, np.nan)
        mean = averaged or IterateMean(last, unknown, unknown, unknown, unknown, 0)
        first = self.iterations - mean.count + 1
        precision = "" if stop.degenerate else _precision(self._layout, mean)
        iterations = f"{self.iterations} iteration{'' if self.iterations == 1 else 's'}"
        clauses = "; ".join(filter(None, [reason, precision, iterations]))
        unpack = self._layout.unpack
        return StochasticSolution(
            params=unpack(mean.mean),
            monte_carlo_errors=unpack(mean.monte_carlo_error),
            effective_sample_sizes=unpack(mean.effective_sample_size),
            standard_deviations=unpack(mean.standard_deviation),
            drift=unpack(mean.drift),
            last=unpack(last),
            statistics=statistics,
            averaged=(first, self.iterations) if mean.count else (0, 0),
            iterations=self.iterations,
            equivalent_em_iterations=self._sum_of_step_sizes,
            units=self.units or None,
            seed=seed,
            stop=stop,
            message=f"{stop.value} ({clauses})",
            trace=StochasticTrace(
                np.array(list(self._trace)), unpack(np.array(list(self._trace.values())))
            ),
        )


def _precision(layout: Layout, mean: IterateMean) -> str:
    """Describe the effective sample size of the averaged iterates."""
    if not mean.count:
        return "no iterate was averaged"
    sizes = mean.effective_sample_size
    if np.isnan(sizes).all():
        return f"{mean.count} iterates averaged, too few for a Monte Carlo standard error"
    smallest = int(np.nanargmin(sizes))
    settled = "" if sizes[smallest] >= MIN_SETTLED_SAMPLE_SIZE else "not settled: "
    return (
        f"{settled}{mean.count} iterates averaged, effective sample size {sizes[smallest]:.3g} for "
        f"{layout.label(smallest)}"
    )

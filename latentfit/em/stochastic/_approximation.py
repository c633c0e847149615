"""Stochastic approximation of expected statistics, which online EM, SAEM and SEM share.

    s ← s + γ_k (c S_k - s),    θ ← m_step(s)

S_k are the statistics of a part of the data at the current θ, their expectation or a draw, and c is
the weight of that part. With γ_k = 1 each iteration replaces s entirely.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from latentfit.em.degeneracy import DegeneracyCheck
from latentfit.em.layout import Layout, Params
from latentfit.em.stochastic._batches import Batch
from latentfit.em.stochastic._record import RunRecord
from latentfit.em.stochastic._result import StochasticSolution
from latentfit.em.stochastic._steps import NonFiniteValue, StochasticSteps
from latentfit.em.stochastic._stop import StochasticStop
from latentfit.errors import StepError

OnIteration = Callable[[int, Params], object]


class Schedule(NamedTuple):
    """What happens in which iteration of a run.

    Attributes
    ----------
    step_size : callable
        γ_k as a function of the iteration k = 1, 2, ...
    average_from : int or None
        The first iteration whose params are averaged; None for the later half of all iterations,
        if their number is not known beforehand.
    units_before_m_step : int
        Number of units that must have been processed before the first M step.
    """

    step_size: Callable[[int], float]
    average_from: int | None
    units_before_m_step: int = 0


def approximate(
    steps: StochasticSteps,
    layout: Layout,
    start: Mapping[str, Any],
    batches: Iterable[Batch],
    schedule: Schedule,
    *,
    seed: int,
    max_iterations: int | None,
    on_iteration: OnIteration | None,
) -> StochasticSolution:
    """Run stochastic approximation until the batches or the iterations are used up.

    Parameters
    ----------
    steps : StochasticSteps
    layout : Layout
    start : mapping
        ``{name: array_like}``, natural scale.
    batches : iterable of Batch
        One batch for each iteration.
    schedule : Schedule
    seed : int
        Recorded in the solution.
    max_iterations : int or None
    on_iteration : callable or None
        ``on_iteration(iteration, params)``, called after each iteration.

    Raises
    ------
    DeclarationError
        A step does not return what it should.
    StepError
        A step raised an error that no degeneracy explains.
    """
    flat = previous = layout.pack(start, "the start")
    record = RunRecord(layout, flat, schedule.average_from)
    degeneracy = DegeneracyCheck(layout, flat)
    params, statistics = layout.unpack(flat), dict[str, Any]()
    stop, reason = StochasticStop.COMPLETED, ""
    iterator = iter(batches)
    with np.errstate(all="ignore"):
        while record.iterations != max_iterations:
            if (batch := next(iterator, None)) is None:
                stop = StochasticStop.EXHAUSTED
                break
            iteration = record.iterations + 1
            step = schedule.step_size(iteration)
            without_m_step = record.units + batch.units < schedule.units_before_m_step
            expectations: Mapping[str, Any] = {}
            try:
                expectations = steps.expectations(params, batch.data, iteration)
                found = steps.statistics(expectations, params, batch.data, iteration)
                statistics = _updated(statistics, found, batch.weight, step)
                if not without_m_step:
                    previous = flat
                    flat = steps.maximise(statistics, batch.shared, params, iteration)
            except (NonFiniteValue, StepError) as failure:
                # A component without observations in one of many batches explains no failure,
                # because the other batches contribute to the statistics too.
                alone = expectations if step == 1 or iteration == 1 else {}
                stop, reason = _explained(degeneracy, record.start, flat, alone, failure)
                break
            params = layout.unpack(flat)
            record.add(None if without_m_step else flat, step, batch.units)
            if clause := degeneracy.find_collapse([record.start, previous, flat], None):
                stop, reason = StochasticStop.COLLAPSED, clause
                break
            if on_iteration is not None:
                on_iteration(iteration, params)
    if not stop.degenerate and (clause := degeneracy.explain_failure([record.start, flat], None)):
        reason = f"{clause}, which is a collapse unless the limit is zero"
    return record.solution(flat, statistics, seed, stop, reason)


def _updated(
    statistics: dict[str, Any], found: Mapping[str, Any], weight: float, step: float
) -> dict[str, Any]:
    """Return the next s; the first one is that of the first batch, whatever its step size."""
    if not statistics or step == 1:
        if weight == 1:
            return dict(found)
        return {name: weight * value for name, value in found.items()}
    return {
        name: statistics[name] + step * (weight * value - statistics[name])
        for name, value in found.items()
    }


def _explained(
    degeneracy: DegeneracyCheck,
    start: np.ndarray,
    flat: np.ndarray,
    expectations: Mapping[str, Any],
    failure: NonFiniteValue | StepError,
) -> tuple[StochasticStop, str]:
    """Return why a failed run stopped; an error that no degeneracy explains is raised again."""
    empty = degeneracy.find_empty_component(flat, expectations)
    collapse = degeneracy.explain_failure([start, flat], None)
    if empty or collapse:
        stop = StochasticStop.EMPTY_COMPONENT if empty else StochasticStop.COLLAPSED
        return stop, f"{empty or collapse}; {failure}"
    if isinstance(failure, StepError):
        raise failure
    return StochasticStop.NOT_FINITE, str(failure)

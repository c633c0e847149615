"""Stochastic approximation of expected statistics: what online EM, SAEM and SEM share.

    s ← s + γ_k (c S_k - s),    θ ← m_step(s)

where S_k are statistics of a part of the data, of which c is the weight, at the present θ: their
expectation or a draw. With γ_k = 1 nothing of s is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from latentfit.em._degenerate import Suspects
from latentfit.em._layout import Layout, Params
from latentfit.em.stochastic._chain import Average, Chain
from latentfit.em.stochastic._ending import Ending
from latentfit.em.stochastic._parts import Part
from latentfit.em.stochastic._result import Course, StochasticSolution
from latentfit.em.stochastic._steps import Breakdown, Steps
from latentfit.errors import StepError

OnIteration = Callable[[int, Params], object]

# Iterates kept for the eye.
_KEPT = 1000


class Schedule(NamedTuple):
    """What happens in which iteration.

    `step_size` is γ as a function of the iteration; `average_from` the first that is averaged, None
    for the later half of however many there will be; `hold` the units to be seen before the first
    M step.
    """

    step_size: Callable[[int], float]
    average_from: int | None
    hold: int = 0


def approximate(
    steps: Steps,
    layout: Layout,
    start: Mapping[str, Any],
    parts: Iterable[Part],
    schedule: Schedule,
    *,
    seed: int,
    limit: int | None,
    counted: bool,
    on_iteration: OnIteration | None,
) -> StochasticSolution:
    """Run to the end of the parts, or to the limit on iterations.

    `counted` says whether units of the parts are worth telling.
    """
    flat = layout.pack(start, "the start")
    log = _Log(layout, flat, schedule.average_from)
    suspects = Suspects(layout, flat)
    params, before = layout.unpack(flat), flat
    sums: dict[str, Any] = {}
    iteration = units = 0
    ending, particulars = Ending.EXHAUSTED, ""
    iterator = iter(parts)
    with np.errstate(all="ignore"):
        while True:
            if iteration == limit:
                ending = Ending.COMPLETED
                break
            if (part := next(iterator, None)) is None:
                break
            iteration += 1
            expectations: Mapping[str, Any] = {}
            try:
                expectations = steps.expectations(params, part.data, iteration)
                found = steps.sums(expectations, params, part.data, iteration)
                sums = _blended(sums, found, part.weight, schedule.step_size(iteration))
                units += part.units
                if units >= schedule.hold:
                    before, flat = flat, steps.maximise(sums, part.shared, params, iteration)
            except (Breakdown, StepError) as failure:
                ending, particulars = _explained(suspects, log.start, flat, expectations, failure)
                iteration -= 1
                break
            params = layout.unpack(flat)
            if units >= schedule.hold:
                log.add(iteration, flat)
            if clause := suspects.collapse([log.start, before, flat], None):
                ending, particulars = Ending.COLLAPSED, clause
                break
            if on_iteration is not None:
                on_iteration(iteration, params)
    average = None if ending.degenerate else log.average()
    return _solution(
        layout, log, flat, sums, average, iteration, units if counted else None, seed, ending,
        particulars,
    )  # fmt: skip


class _Log:
    """Diagnosis, apart from what is needed to go on."""

    def __init__(self, layout: Layout, start: np.ndarray, average_from: int | None) -> None:
        self.start = start
        self._layout = layout
        self._first = average_from
        self._chain = Chain(start.size)
        self._last = 0
        self._stride = 1
        self._iterations = [0]
        self._kept = [start]

    def add(self, iteration: int, flat: np.ndarray) -> None:
        self._last = iteration
        if self._first is None or iteration >= self._first:
            self._chain.add(flat)
        if iteration % self._stride:
            return
        self._iterations.append(iteration)
        self._kept.append(flat)
        if len(self._kept) > _KEPT:
            self._stride *= 2
            kept = [i for i, at in enumerate(self._iterations) if at % self._stride == 0]
            self._iterations = [self._iterations[i] for i in kept]
            self._kept = [self._kept[i] for i in kept]

    def average(self) -> Average | None:
        return self._chain.average(later=self._first is None)

    def course(self) -> Course:
        params = self._layout.unpack(np.array(self._kept))
        return Course(np.array(self._iterations), params)

    @property
    def last(self) -> int:
        return self._last


def _blended(
    sums: dict[str, Any], found: Mapping[str, Any], weight: float, step: float
) -> dict[str, Any]:
    """The next s; the first is that of the first part, whatever its step size."""
    if not sums or step == 1:
        return dict(found) if weight == 1 else {n: weight * value for n, value in found.items()}
    return {n: sums[n] + step * (weight * value - sums[n]) for n, value in found.items()}


def _explained(
    suspects: Suspects,
    start: np.ndarray,
    flat: np.ndarray,
    expectations: Mapping[str, Any],
    failure: Breakdown | StepError,
) -> tuple[Ending, str]:
    """What ended a run that could not go on; an error that nothing explains is raised again."""
    empty = suspects.empty(flat, expectations)
    collapse = suspects.behind_failure([start, flat], None)
    if empty or collapse:
        ending = Ending.EMPTY_COMPONENT if empty else Ending.COLLAPSED
        return ending, f"{empty or collapse}; {failure}"
    if isinstance(failure, StepError):
        raise failure
    return Ending.NOT_FINITE, str(failure)


def _solution(
    layout: Layout,
    log: _Log,
    flat: np.ndarray,
    sums: Mapping[str, Any],
    average: Average | None,
    iterations: int,
    units: int | None,
    seed: int,
    ending: Ending,
    particulars: str,
) -> StochasticSolution:
    nothing = np.full(flat.size, np.nan)
    known = average or Average(flat, nothing, nothing, nothing, nothing, 0)
    averaged = (log.last - known.count + 1, log.last) if known.count else (0, 0)
    after = f"{iterations} iteration{'' if iterations == 1 else 's'}"
    told = [particulars or _precision(layout, known), after]
    return StochasticSolution(
        params=layout.unpack(known.mean),
        monte_carlo_errors=layout.unpack(known.error),
        effective=layout.unpack(known.effective),
        spread=layout.unpack(known.spread),
        movement=layout.unpack(known.movement),
        last=layout.unpack(flat),
        statistics=sums,
        averaged=averaged,
        iterations=iterations,
        units=units,
        seed=seed,
        stop=ending,
        message=f"{ending.value} ({'; '.join(told)})",
        course=log.course(),
    )


def _precision(layout: Layout, average: Average) -> str:
    if not average.count:
        return "no iterate was averaged"
    if np.isnan(average.effective).all():
        return f"{average.count} averaged, too few for a Monte Carlo standard error"
    fewest = int(np.nanargmin(average.effective))
    return (
        f"{average.count} averaged, worth {average.effective[fewest]:.3g} independent ones in "
        f"{layout.label(fewest)}"
    )

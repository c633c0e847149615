"""Stochastic approximation of expected statistics: what online EM, SAEM and SEM share.

    s ← s + γ_k (c S_k - s),    θ ← m_step(s)

where S_k are statistics of a part of the data, of which c is the weight, at the present θ: their
expectation or a draw. With γ_k = 1 nothing of s is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from latentfit.em.degeneracy import Suspects
from latentfit.em.layout import Layout, Params
from latentfit.em.stochastic._chain import Average, Chain
from latentfit.em.stochastic._ending import Ending
from latentfit.em.stochastic._parts import Part
from latentfit.em.stochastic._result import SETTLED, Course, StochasticSolution
from latentfit.em.stochastic._steps import Breakdown, Steps
from latentfit.errors import StepError

OnIteration = Callable[[int, Params], object]

# Iterates kept for the eye, and numbers in them.
_KEPT = 1000
_NUMBERS = 2**20


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
    on_iteration: OnIteration | None,
) -> StochasticSolution:
    """Run to the end of the parts, or to the limit on iterations; `seed` is only reported."""
    flat = before = layout.pack(start, "the start")
    log = _Log(layout, flat, schedule.average_from)
    suspects = Suspects(layout, flat)
    params, sums = layout.unpack(flat), dict[str, Any]()
    ending, particulars = Ending.COMPLETED, ""
    iterator = iter(parts)
    with np.errstate(all="ignore"):
        while log.iterations != limit:
            if (part := next(iterator, None)) is None:
                ending = Ending.EXHAUSTED
                break
            iteration = log.iterations + 1
            step = schedule.step_size(iteration)
            held = log.units + part.units < schedule.hold
            expectations: Mapping[str, Any] = {}
            try:
                expectations = steps.expectations(params, part.data, iteration)
                found = steps.sums(expectations, params, part.data, iteration)
                sums = _blended(sums, found, part.weight, step)
                if not held:
                    before, flat = flat, steps.maximise(sums, part.shared, params, iteration)
            except (Breakdown, StepError) as failure:
                # A component without observations in one of many batches explains nothing.
                alone = expectations if step == 1 or iteration == 1 else {}
                ending, particulars = _explained(suspects, log.start, flat, alone, failure)
                break
            params = layout.unpack(flat)
            log.add(None if held else flat, step, part.units)
            if clause := suspects.collapse([log.start, before, flat], None):
                ending, particulars = Ending.COLLAPSED, clause
                break
            if on_iteration is not None:
                on_iteration(iteration, params)
    if not ending.degenerate and (vanished := suspects.behind_failure([log.start, flat], None)):
        particulars = f"{vanished}, a collapse unless zero is where it belongs"
    return log.solution(flat, sums, seed, ending, particulars)


class _Log:
    """Diagnosis, apart from what is needed to go on."""

    def __init__(self, layout: Layout, start: np.ndarray, average_from: int | None) -> None:
        self.start = start
        self.iterations = self.units = 0
        self._reach = 0.0
        self._layout = layout
        self._first = average_from
        self._chain = Chain(start.size)
        self._stride = 1
        self._most = max(20, min(_KEPT, _NUMBERS // start.size))
        self._kept = {0: start}

    def add(self, flat: np.ndarray | None, step: float, units: int) -> None:
        """Take in an iteration, and its parameters if there was an M step."""
        self.iterations += 1
        self.units += units
        self._reach += step
        if flat is None:
            return
        if self._first is None or self.iterations >= self._first:
            self._chain.add(flat)
        if self.iterations % self._stride == 0:
            self._kept[self.iterations] = flat
        if len(self._kept) > self._most:
            self._stride *= 2
            self._kept = {at: kept for at, kept in self._kept.items() if not at % self._stride}

    def solution(
        self,
        last: np.ndarray,
        sums: Mapping[str, Any],
        seed: int,
        ending: Ending,
        particulars: str,
    ) -> StochasticSolution:
        """The end of the run."""
        average = None if ending.degenerate else self._chain.average(later=self._first is None)
        nothing = np.full(last.size, np.nan)
        known = average or Average(last, nothing, nothing, nothing, nothing, 0)
        first = self.iterations - known.count + 1
        precision = "" if ending.degenerate else _precision(self._layout, known)
        after = f"{self.iterations} iteration{'' if self.iterations == 1 else 's'}"
        told = "; ".join(filter(None, [particulars, precision, after]))
        course = np.array(list(self._kept.values()))
        return StochasticSolution(
            params=self._layout.unpack(known.mean),
            monte_carlo_errors=self._layout.unpack(known.error),
            effective=self._layout.unpack(known.effective),
            spread=self._layout.unpack(known.spread),
            movement=self._layout.unpack(known.movement),
            last=self._layout.unpack(last),
            statistics=sums,
            averaged=(first, self.iterations) if known.count else (0, 0),
            iterations=self.iterations,
            reach=self._reach,
            units=self.units or None,
            seed=seed,
            stop=ending,
            message=f"{ending.value} ({told})",
            course=Course(np.array(list(self._kept)), self._layout.unpack(course)),
        )


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


def _precision(layout: Layout, average: Average) -> str:
    if not average.count:
        return "no iterate was averaged"
    if np.isnan(average.effective).all():
        return f"{average.count} averaged, too few for a Monte Carlo standard error"
    fewest = int(np.nanargmin(average.effective))
    worth = average.effective[fewest]
    settled = "" if worth >= SETTLED else "not settled: "
    return (
        f"{settled}{average.count} averaged, worth {worth:.3g} independent ones in "
        f"{layout.label(fewest)}"
    )

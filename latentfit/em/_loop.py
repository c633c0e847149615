"""The EM loop over any two functions."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from latentfit.em._call import m_step_of_three, step_error
from latentfit.em._degenerate import Suspects
from latentfit.em._distance import Estimate, Odometer
from latentfit.em._layout import Layout, Params, first_bad, label
from latentfit.em._result import Decrease, Solution, Trace
from latentfit.em._stop import Stop, Stopping
from latentfit.errors import DeclarationError, LatentfitError

Step = Callable[..., Mapping[str, Any]]

# A log-likelihood is a sum of about as many terms as there are data; each is exact to a few
# units in the last place of its own size, of which the size of the sum and 1 are the measure.
_SUM_ROUNDING = 64 * np.finfo(float).eps


class _State(NamedTuple):
    """What is needed to go on: parameters, and the E step at them.

    `failure` is what kept this state from being complete, a sentence or the error raised: then
    either the expectations are not finite, or the M step went wrong and the state is the last.
    """

    flat: np.ndarray
    params: Params
    expectations: Mapping[str, Any]
    iteration: int
    failure: str | LatentfitError | None = None


class _Algorithm(NamedTuple):
    init: Callable[[Mapping[str, Any]], _State]
    step: Callable[[_State], _State]


def run(
    e_step: Step,
    m_step: Step,
    data: Any,
    start: Mapping[str, Any],
    *,
    log_likelihood: Callable[..., float] | None = None,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    on_iteration: Callable[[int, Params], object] | None = None,
) -> Solution:
    """Run EM from one start.

    Parameters
    ----------
    e_step : callable
        ``e_step(params, data)`` returns ``{name: expectation}``. It is handed read-only arrays.
    m_step : callable
        ``m_step(expectations, data)`` or ``m_step(expectations, data, params)`` returns the
        next params, with the names and shapes of the start.
    data : mapping
        ``{name: array}``, handed on as it is.
    start : mapping
        ``{name: array_like}``, natural scale.
    log_likelihood : callable, optional
        ``log_likelihood(params, data)``, log p(x | θ) up to a constant. EM never decreases it;
        the worst decrease beyond rounding error is recorded. Rounding error is 64 units in the
        last place of |log p| at both ends plus the number of data values.
    stopping : Stopping
    on_iteration : callable, optional
        ``on_iteration(iteration, params)``, after each iteration.

    Returns
    -------
    Solution
        Where a value is not finite, a component collapses or has no observations left, too:
        ``stop`` says so. An infinite or missing expectation is such a value; minus infinity,
        the logarithm of probability zero, is not.

    Raises
    ------
    DeclarationError
        A function does not return what it should: a mapping, every parameter, its shape.
    StepError
        A function raised an error, and no collapse explains it.
    """
    layout = Layout.of(start)
    init, step = _algorithm(e_step, m_step, data, layout)
    with np.errstate(all="ignore"):
        state = init(start)
        watch = _Watch(layout, state, log_likelihood, data, stopping)
        while (end := watch.look(state)) is None:
            state = step(state)
            if on_iteration is not None and state.failure is None:
                on_iteration(state.iteration, state.params)
    return watch.solution(state, *end)


def _algorithm(e_step: Step, m_step: Step, data: Any, layout: Layout) -> _Algorithm:
    maximise = m_step_of_three(m_step)

    def enter(flat: np.ndarray, iteration: int) -> _State:
        params = layout.unpack(flat)
        try:
            expectations = e_step(params, data)
        except LatentfitError as error:
            return _State(flat, params, {}, iteration, error)
        except Exception as error:
            failure = step_error(error, e_step, "e_step", iteration + 1, params)
            return _State(flat, params, {}, iteration, failure)
        if not isinstance(expectations, Mapping):
            kind = type(expectations).__name__
            raise DeclarationError(
                f"e_step returned {expectations if expectations is None else f'a {kind}'}, "
                f"expected a mapping {{name: expectation}}"
            )
        return _State(flat, params, expectations, iteration, _not_finite(expectations, iteration))

    def init(start: Mapping[str, Any]) -> _State:
        return enter(layout.pack(start, "the start"), 0)

    def step(state: _State) -> _State:
        iteration = state.iteration + 1
        try:
            result = maximise(state.expectations, data, state.params)
        except LatentfitError as error:
            return state._replace(failure=error)
        except Exception as error:
            failure = step_error(error, m_step, "m_step", iteration, state.params)
            return state._replace(failure=failure)
        flat = layout.pack(result, "m_step")
        if not np.isfinite(flat).all():
            (position,), value = first_bad(flat)
            where = layout.label(int(position))
            return state._replace(failure=f"m_step gave {where} = {value} in iteration {iteration}")
        return enter(flat, iteration)

    return _Algorithm(init, step)


def _not_finite(expectations: Mapping[str, Any], iteration: int) -> str | None:
    for name, value in expectations.items():
        array = value.compressed() if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        bad = np.isnan(value) | (np.asarray(value) == np.inf)
        if bad.any():
            bad = np.ma.filled(bad, False)
            index = np.unravel_index(int(np.argmax(bad)), bad.shape)
            found = np.asarray(value)[index]
            return f"e_step gave {label(name, index)} = {found} in iteration {iteration + 1}"
    return None


class _Watch:
    """Diagnosis, apart from the state: the course of a run, and whether it has ended."""

    def __init__(
        self,
        layout: Layout,
        state: _State,
        log_likelihood: Callable[..., float] | None,
        data: Any,
        stopping: Stopping,
    ) -> None:
        self._layout = layout
        self._function = log_likelihood
        self._data = data
        self._count = _values(data)
        self._stopping = stopping
        self._odometer = Odometer(state.flat, layout.offsets)
        self._suspects = Suspects(layout, state.flat)
        self._history: list[np.ndarray] = []
        self._heights: list[float] | None = None if log_likelihood is None else []
        self._decrease: Decrease | None = None
        self._estimate = Estimate(np.inf, np.nan, np.nan, False, 0)

    def look(self, state: _State) -> tuple[Stop, str] | None:
        """Take in a state; why to end there, or None."""
        failure = state.failure
        if len(self._history) <= state.iteration:
            self._history.append(state.flat)
            if state.iteration:
                self._estimate = self._odometer.advance(state.flat)
            if failure is None:
                failure = self._measure(state)
            elif self._heights is not None:
                self._heights.append(np.nan)
        if failure is not None:
            return self._broken(state, failure)
        if collapse := self._suspects.collapse(self._history, self._heights):
            where = f"in iteration {state.iteration}"
            return Stop.COLLAPSED, f"{Stop.COLLAPSED.value} ({collapse}, {where})"
        return self._arrived(state.iteration) if state.iteration else None

    def solution(self, state: _State, stop: Stop, message: str) -> Solution:
        """Put together what the run leaves behind."""
        heights = self._heights
        history = np.array(self._history)
        remaining = self._estimate.remaining
        return Solution(
            params=state.params,
            expectations=state.expectations,
            log_likelihood=heights[-1] if heights is not None else None,
            iterations=state.iteration,
            stop=stop,
            message=message,
            remaining=remaining if np.isfinite(remaining) and not stop.degenerate else np.nan,
            rate=self._estimate.rate,
            decrease=self._decrease,
            trace=Trace(
                self._layout.unpack(history), None if heights is None else np.array(heights)
            ),
        )

    def _measure(self, state: _State) -> str | LatentfitError | None:
        if self._function is None or self._heights is None:
            return None
        self._heights.append(np.nan)
        try:
            returned = self._function(state.params, self._data)
        except LatentfitError as error:
            return error
        except Exception as error:
            where = state.iteration + 1
            return step_error(error, self._function, "log_likelihood", where, state.params)
        try:
            value = np.asarray(returned, dtype=float)
        except (TypeError, ValueError):
            value = np.empty(0)
        if value.size != 1:
            kind = f"shape {value.shape}" if value.size else f"type {type(returned).__name__}"
            raise DeclarationError(
                f"log_likelihood returned a value of {kind}, expected a single number"
            )
        height = value.item()
        self._heights[-1] = height
        if not np.isfinite(height):
            return f"log_likelihood gave {height} in iteration {state.iteration + 1}"
        if state.iteration:
            self._compare(self._heights[-2], height, state.iteration)
        return None

    def _compare(self, before: float, now: float, iteration: int) -> None:
        fall = before - now
        if fall <= _SUM_ROUNDING * (abs(before) + abs(now) + self._count):
            return
        if self._decrease is None or fall > self._decrease.amount:
            self._decrease = Decrease(iteration, fall)

    def _broken(self, state: _State, failure: str | LatentfitError) -> tuple[Stop, str]:
        empty = self._suspects.empty(state.flat, state.expectations)
        collapse = self._suspects.behind_failure(self._history, self._heights)
        clause = empty or collapse
        if clause is None:
            if isinstance(failure, LatentfitError):
                raise failure
            return Stop.NOT_FINITE, f"{Stop.NOT_FINITE.value} ({failure})"
        stop = Stop.EMPTY_COMPONENT if empty else Stop.COLLAPSED
        return stop, f"{stop.value} ({clause}; {failure})"

    def _arrived(self, iteration: int) -> tuple[Stop, str] | None:
        estimate, stopping = self._estimate, self._stopping

        def end(stop: Stop, numbers: str) -> tuple[Stop, str]:
            rate = "" if np.isnan(estimate.rate) else f"linear rate {estimate.rate:.4g}, "
            after = f"{iteration} iteration{'s' if iteration > 1 else ''}"
            return stop, f"{stop.value} ({numbers}; {rate}{after})"

        if stopping.parameters is not None and estimate.change <= stopping.parameters:
            return end(Stop.PARAMETERS, f"relative change {estimate.change:.2g}")
        if estimate.at_rest:
            change = f"relative change {estimate.change:.2g}, which is rounding error"
            return end(Stop.PARAMETERS, change)
        if stopping.distance is not None and estimate.remaining <= stopping.distance:
            return end(Stop.DISTANCE, f"relative distance {estimate.remaining:.2g}")
        if stopping.log_likelihood is not None and self._heights is not None:
            gain = abs(self._heights[-1] - self._heights[-2])
            if gain <= stopping.log_likelihood:
                return end(Stop.LOG_LIKELIHOOD, f"change {gain:.2g}")
        if iteration >= stopping.max_iterations:
            name = list(self._layout.shapes)[estimate.slowest]
            ahead = (
                f"relative distance {estimate.remaining:.2g} still to go in {name}"
                if np.isfinite(estimate.remaining)
                else f"relative change {estimate.change:.2g} in the last, in {name}"
            )
            return end(Stop.ITERATION_LIMIT, ahead)
        return None


def _values(data: Any) -> int:
    arrays = data.values() if isinstance(data, Mapping) else [data]
    return sum(int(np.size(array)) for array in arrays)

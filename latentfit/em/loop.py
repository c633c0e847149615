"""The EM loop over any two functions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from latentfit.em._convergence import Estimate, Odometer
from latentfit.em.accelerate import Pilot, acceleration
from latentfit.em.calls import m_step_of_three, step_error
from latentfit.em.degeneracy import Suspects
from latentfit.em.layout import Layout, Params, first_bad, label
from latentfit.em.results import Decrease, Solution, Trace
from latentfit.em.stopping import Stop, Stopping
from latentfit.errors import DeclarationError, LatentfitError

Step = Callable[..., Mapping[str, Any]]

# A log-likelihood is a sum of about as many terms as there are data; each is exact to a few
# units in the last place of its own size, of which the size of the sum and 1 are the measure.
_SUM_ROUNDING = 64 * np.finfo(float).eps


def run(
    e_step: Step,
    m_step: Step,
    data: Any,
    start: Mapping[str, Any],
    *,
    log_likelihood: Callable[..., float] | None = None,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    accelerate: str = "auto",
    on_iteration: Callable[[int, Params], object] | None = None,
) -> Solution:
    """Run EM from one start.

    Parameters
    ----------
    e_step : callable
        ``e_step(params, data)`` returns ``{name: expectation}``. It is handed read-only arrays, and
        may return the same arrays each time: they are read until it is called again.
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
    accelerate : {"auto", "none", "quasi-newton", "daarem", "squarem", "parabolic"}
        How EM is extrapolated; ``"auto"`` leaves it alone for a hundred iterations and then takes
        ``"quasi-newton"``, if there is a log-likelihood. A leap that lowers the log-likelihood is
        not taken; one that does not raise it by what can be told is taken back if EM's step is
        longer after it. Once EM itself has lowered the log-likelihood, there are no more leaps.
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
    InputError
        There is no such way to accelerate.
    DeclarationError
        A function does not return what it should: a mapping, every parameter, its shape.
    StepError
        A function raised an error, and no collapse explains it.
    """
    accelerator, patience = acceleration(accelerate)
    if accelerate == "auto" and log_likelihood is None:
        # Nothing would tell whether a leap leads uphill.
        accelerator = None
    layout = Layout.of(start)
    algorithm = _Algorithm(e_step, m_step, log_likelihood, data, layout)
    objective = algorithm.height if log_likelihood else None
    with np.errstate(all="ignore"):
        state = algorithm.enter(layout.pack(start, "the start"), 0)
        watch = _Watch(layout, state, log_likelihood is not None, data, stopping)
        leaps: _Leaps | None = None
        while (end := watch.look(state)) is None:
            image = algorithm.image(state)
            if not isinstance(image, np.ndarray):
                state = state._replace(failure=image)
                continue
            if accelerator is None or state.iteration < patience or watch.decreased:
                leaps, state = None, algorithm.enter(image, state.iteration + 1)
            else:
                leaps = leaps or _Leaps(algorithm, watch, Pilot(accelerator, layout, objective))
                state = leaps.beyond(state, image)
            if on_iteration is not None and state.failure is None:
                on_iteration(state.iteration, state.params)
    return watch.solution(state, algorithm.evaluations, *end)


# What a log-likelihood may lose, relative, where a covariance is nearly singular.
_LOST = 1e-9
# Relative steps of which it cannot be said which is longer.
_BLURRED = 1e-10
# Where steps are so short, relative, EM has arrived, and secants are of rounding.
_AT_REST = 1e-11
# Plain steps that may prove convergence, more than the least by which a rate is measured.
_PROOF = 12


class _State(NamedTuple):
    """What is needed to go on: parameters, and the E step at them.

    `height` is the log-likelihood there, NaN if it is not known. `failure` is what kept this state
    from being complete, a sentence or the error raised: then a value is not finite, or the M step
    went wrong and the state is the last.
    """

    flat: np.ndarray
    params: Params
    expectations: Mapping[str, Any]
    height: float
    iteration: int
    failure: str | LatentfitError | None = None


class _Algorithm:
    """The steps as functions of states, and how often the E step was called."""

    def __init__(
        self,
        e_step: Step,
        m_step: Step,
        log_likelihood: Callable[..., float] | None,
        data: Any,
        layout: Layout,
    ) -> None:
        self._e_step = e_step
        self._m_step = m_step
        self._maximise = m_step_of_three(m_step)
        self._log_likelihood = log_likelihood
        self._data = data
        self._layout = layout
        self.evaluations = 0

    def enter(self, flat: np.ndarray, iteration: int) -> _State:
        """The E step and the log-likelihood at some parameters."""
        params = self._layout.unpack(flat)
        state = _State(flat, params, {}, np.nan, iteration)
        self.evaluations += 1
        try:
            expectations = self._e_step(params, self._data)
        except LatentfitError as error:
            return state._replace(failure=error)
        except Exception as error:
            failure = step_error(error, self._e_step, "e_step", iteration + 1, params)
            return state._replace(failure=failure)
        if not isinstance(expectations, Mapping):
            kind = type(expectations).__name__
            raise DeclarationError(
                f"e_step returned {expectations if expectations is None else f'a {kind}'}, "
                f"expected a mapping {{name: expectation}}"
            )
        state = state._replace(
            expectations=expectations, failure=not_finite("e_step", expectations, iteration + 1)
        )
        return state if state.failure or not self._log_likelihood else self._measured(state)

    def image(self, state: _State) -> np.ndarray | str | LatentfitError:
        """Where the M step leads, or what went wrong in it."""
        iteration = state.iteration + 1
        try:
            result = self._maximise(state.expectations, self._data, state.params)
        except LatentfitError as error:
            return error
        except Exception as error:
            return step_error(error, self._m_step, "m_step", iteration, state.params)
        flat = self._layout.pack(result, "m_step")
        if np.isfinite(flat).all():
            return flat
        (position,), value = first_bad(flat)
        where = self._layout.label(int(position))
        return f"m_step gave {where} = {value} in iteration {iteration}"

    def height(self, flat: np.ndarray) -> float:
        """The log-likelihood where EM has not been; minus infinity if there is none."""
        assert self._log_likelihood is not None
        try:
            value = float(self._log_likelihood(self._layout.unpack(flat), self._data))
        except Exception:
            return -np.inf
        return value if np.isfinite(value) else -np.inf

    def _measured(self, state: _State) -> _State:
        function = self._log_likelihood
        assert function is not None
        try:
            returned = function(state.params, self._data)
        except LatentfitError as error:
            return state._replace(failure=error)
        except Exception as error:
            where = state.iteration + 1
            return state._replace(
                failure=step_error(error, function, "log_likelihood", where, state.params)
            )
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
        if np.isfinite(height):
            return state._replace(height=height)
        return state._replace(
            height=height,
            failure=f"log_likelihood gave {height} in iteration {state.iteration + 1}",
        )


def not_finite(source: str, values: Mapping[str, Any], iteration: int) -> str | None:
    """Which of the values that a function gave is infinite or missing, minus infinity apart."""
    for name, value in values.items():
        array = value.compressed() if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        bad = np.isnan(value) | (np.asarray(value) == np.inf)
        if bad.any():
            bad = np.ma.filled(bad, False)
            index = np.unravel_index(int(np.argmax(bad)), bad.shape)
            found = np.asarray(value)[index]
            return f"{source} gave {label(name, index)} = {found} in iteration {iteration}"
    return None


class _Leaps:
    """EM with leaps: those that are not worth it are not taken, or taken back.

    How far the limit is, leaps do not tell: they may be as blind to a slow direction as they are
    quick. Where it seems near, some plain steps follow, whose rate does.
    """

    def __init__(self, algorithm: _Algorithm, watch: "_Watch", pilot: Pilot) -> None:
        self._algorithm = algorithm
        self._watch = watch
        self._pilot = pilot
        watch.hurry()
        # A step of EM in place of which there was a leap still to be judged: from where to where.
        self._instead: tuple[np.ndarray, np.ndarray] | None = None
        self._proving = self._pause = self._back = 0

    def beyond(self, state: _State, image: np.ndarray) -> _State:
        """The state after `state`, whose image under EM is given."""
        iteration = state.iteration + 1
        instead, self._instead = self._instead, None
        if instead is not None and self._watch.longer(state.flat, image, *instead):
            # Longer each time, so that EM gets on by itself where leaps go in circles.
            self._back = 2 * self._back + 1
            self._pause, self._proving = self._back, 0
            self._watch.back(*instead)
            return self._algorithm.enter(instead[1], iteration)
        if self._proving and self._watch.undecided:
            self._proving -= 1
            return self._algorithm.enter(image, iteration)
        if self._pause:
            self._pause -= 1
            return self._algorithm.enter(image, iteration)
        proposal = self._pilot.propose(state.flat, image)
        if proposal is not None and self._watch.moves(state.flat, image):
            there = self._algorithm.enter(proposal, iteration)
            if there.failure is None and not self._watch.falls(state.height, there.height):
                self._pilot.followed()
                near = self._watch.leap(state.flat, image, proposal)
                self._proving = _PROOF if near else 0
                if not self._watch.falls(there.height, state.height):
                    self._instead = state.flat, image
                return there
        return self._algorithm.enter(image, iteration)


class _Watch:
    """Diagnosis, apart from the state: the course of a run, and whether it has ended."""

    def __init__(
        self, layout: Layout, state: _State, measured: bool, data: Any, stopping: Stopping
    ) -> None:
        self._layout = layout
        self._count = _values(data)
        self._stopping = stopping
        self._odometer = Odometer(state.flat, layout.offsets)
        self._suspects = Suspects(layout, state.flat)
        self._history: list[np.ndarray] = []
        self._heights: list[float] | None = [] if measured else None
        self._decrease: Decrease | None = None
        self._estimate = Estimate(np.inf, np.nan, np.nan, False, 0)
        self._aimed: Estimate | None = None
        self._leapt = False
        self._accelerated: int | None = None

    @property
    def _rate(self) -> float:
        """That of EM left alone: after leaps it is of whatever direction these have left over."""
        return self._estimate.rate if self._accelerated is None else float("nan")

    @property
    def decreased(self) -> bool:
        """Whether the log-likelihood has, by more than may be lost in ill-conditioned sums."""
        fall = self._decrease
        if fall is None or self._heights is None:
            return False
        return fall.amount > _LOST * (1 + abs(self._heights[fall.iteration]))

    @property
    def undecided(self) -> bool:
        """Whether the steps do not tell how far the limit is."""
        return not np.isfinite(self._estimate.remaining)

    def hurry(self) -> None:
        """Take in that there may be leaps from now on."""
        if self._accelerated is None:
            self._accelerated = len(self._history)

    def leap(self, point: np.ndarray, image: np.ndarray, proposal: np.ndarray) -> bool:
        """Take in an iteration that a leap replaces; whether that seems to lead to the limit.

        As far as EM has to come for it to stop, that is.
        """
        aimed = self._odometer.aim(point, image, proposal)
        tolerance = self._stopping.distance
        near = tolerance is not None and aimed.remaining <= tolerance
        self._aimed = replace(aimed, remaining=np.inf) if near else aimed
        return near

    def back(self, point: np.ndarray, image: np.ndarray) -> None:
        """Take in that EM goes on where it would have gone in place of its latest leap."""
        self._aimed = replace(self._odometer.aim(point, image, image), remaining=np.inf)

    def moves(self, point: np.ndarray, image: np.ndarray) -> bool:
        """Whether EM's step is more than rounding."""
        return max(self._odometer.relative(image - point, image)) > _AT_REST

    def longer(
        self, point: np.ndarray, image: np.ndarray, before: np.ndarray, after: np.ndarray
    ) -> bool:
        """Whether the step to an image is longer than one elsewhere, beyond rounding error."""
        steps = (self._odometer.relative(s, before) for s in (image - point, after - before))
        now, then = map(max, steps)
        return now > max(then, _BLURRED)

    def falls(self, before: float, now: float) -> bool:
        """Whether a log-likelihood is lower than another, beyond rounding error."""
        return bool(before - now > _SUM_ROUNDING * (abs(before) + abs(now) + self._count))

    def look(self, state: _State) -> tuple[Stop, str] | None:
        """Take in a state; why to end there, or None."""
        if len(self._history) <= state.iteration:
            self._history.append(state.flat)
            if state.iteration:
                self._estimate = self._odometer.advance(state.flat, self._aimed)
                self._leapt, self._aimed = self._aimed is not None, None
            if self._heights is not None:
                self._heights.append(state.height)
                if state.iteration:
                    self._compare(state.iteration)
        if state.failure is not None:
            return self._broken(state, state.failure)
        if collapse := self._suspects.collapse(self._history, self._heights):
            where = f"in iteration {state.iteration}"
            return Stop.COLLAPSED, f"{Stop.COLLAPSED.value} ({collapse}, {where})"
        return self._arrived(state.iteration) if state.iteration else None

    def solution(self, state: _State, evaluations: int, stop: Stop, message: str) -> Solution:
        """Put together what the run leaves behind."""
        heights = self._heights
        history = np.array(self._history)
        remaining = self._estimate.remaining
        return Solution(
            params=state.params,
            expectations=state.expectations,
            log_likelihood=heights[-1] if heights is not None else None,
            iterations=state.iteration,
            evaluations=evaluations,
            accelerated=self._accelerated,
            stop=stop,
            message=message,
            remaining=remaining if np.isfinite(remaining) and not stop.degenerate else np.nan,
            rate=self._rate,
            decrease=self._decrease,
            trace=Trace(
                self._layout.unpack(history), None if heights is None else np.array(heights)
            ),
        )

    def _compare(self, iteration: int) -> None:
        assert self._heights is not None
        before, now = self._heights[-2:]
        fall = before - now
        if not (np.isfinite(now) and self.falls(before, now)):
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
            rate = "" if np.isnan(self._rate) else f"linear rate {self._rate:.4g}, "
            after = f"{iteration} iteration{'s' if iteration > 1 else ''}"
            return stop, f"{stop.value} ({numbers}; {rate}{after}{self._how()})"

        if not self._leapt and (stop := self._converged(end)) is not None:
            return stop
        if iteration >= stopping.max_iterations:
            name = list(self._layout.shapes)[estimate.slowest]
            ahead = (
                f"relative distance {estimate.remaining:.2g} still to go in {name}"
                if np.isfinite(estimate.remaining)
                else f"relative change {estimate.change:.2g} in the last, in {name}"
            )
            return end(Stop.ITERATION_LIMIT, ahead)
        return None

    def _converged(self, end: Callable[[Stop, str], tuple[Stop, str]]) -> tuple[Stop, str] | None:
        estimate, stopping = self._estimate, self._stopping
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
        return None

    def _how(self) -> str:
        if self._accelerated is None:
            return ""
        begun = f", accelerated from iteration {self._accelerated}"
        if not self.decreased:
            return begun
        return f"{begun} until EM itself lowered the log-likelihood"


def _values(data: Any) -> int:
    if not isinstance(data, Mapping):
        return int(np.size(data))
    # Of data that are elsewhere only their size is known here.
    size = getattr(data, "size", None)
    return sum(int(np.size(array)) for array in data.values()) if size is None else int(size)

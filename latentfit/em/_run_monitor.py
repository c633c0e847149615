"""The record of an EM run, and the decision when it ends."""

import numpy as np

from latentfit.em._convergence_monitor import ConvergenceEstimate, ConvergenceMonitor
from latentfit.em._criteria import criterion_met
from latentfit.em._monotonicity import MonotonicityCheck
from latentfit.em._steps import EMState, Failure
from latentfit.em.degeneracy import DegeneracyCheck
from latentfit.em.layout import Layout
from latentfit.em.results import Solution, Trace
from latentfit.em.stopping import Stop, Stopping
from latentfit.errors import LatentfitError

# Why a run ends: the kind of end, and the message for the reader.
Ending = tuple[Stop, str]


class RunMonitor:
    """Record the states of a run, decide when it ends, and assemble its `Solution`.

    Parameters
    ----------
    layout : Layout
    start : EMState
        The state at the starting values.
    stopping : Stopping
    monotonicity : MonotonicityCheck
    has_log_likelihood : bool
        Whether the states have log-likelihoods.

    Attributes
    ----------
    convergence : ConvergenceMonitor
    monotonicity : MonotonicityCheck
    """

    def __init__(
        self,
        layout: Layout,
        start: EMState,
        stopping: Stopping,
        monotonicity: MonotonicityCheck,
        *,
        has_log_likelihood: bool,
    ) -> None:
        self._layout = layout
        self._stopping = stopping
        self.convergence = ConvergenceMonitor(start.flat, layout.offsets)
        self.monotonicity = monotonicity
        self._degeneracy = DegeneracyCheck(layout, start.flat)
        self._history: list[np.ndarray] = []
        self._log_likelihoods: list[float] | None = [] if has_log_likelihood else None
        self._estimate = ConvergenceEstimate(np.inf, np.nan, np.nan, False, 0)
        self._extrapolation: ConvergenceEstimate | None = None
        self._was_extrapolated = False
        self._accelerated_from: int | None = None

    @property
    def distance_is_unknown(self) -> bool:
        """Whether the latest steps do not determine the distance to the limit point."""
        return not np.isfinite(self._estimate.remaining)

    def begin_acceleration(self) -> None:
        """Note that the coming iterations may be extrapolated."""
        if self._accelerated_from is None:
            self._accelerated_from = len(self._history)

    def announce_extrapolation(self, estimate: ConvergenceEstimate) -> None:
        """Note that the coming state does not come from an EM step at the latest state.

        Parameters
        ----------
        estimate : ConvergenceEstimate
            The distance to the limit point, which the step to that state does not determine.
        """
        self._extrapolation = estimate

    def record(self, state: EMState) -> Ending | None:
        """Record a state; return why the run ends with it, or None if it continues.

        A state may be recorded again after the M step that follows it has failed.

        Raises
        ------
        LatentfitError
            A step raised an error that no degeneracy explains.
        """
        if len(self._history) <= state.iteration:
            self._update(state)
        if state.failure is not None:
            return self._ending_of_failure(state, state.failure)
        collapse = self._degeneracy.find_collapse(self._history, self._log_likelihoods)
        if collapse:
            clause = f"{collapse}, in iteration {state.iteration}"
            return Stop.COLLAPSED, f"{Stop.COLLAPSED.value} ({clause})"
        return self._ending_of_convergence(state.iteration) if state.iteration else None

    def solution(self, state: EMState, evaluations: int, stop: Stop, message: str) -> Solution:
        """Assemble the solution of a run that ended with a state.

        Parameters
        ----------
        state : EMState
        evaluations : int
            Number of calls of the E step.
        stop, message
            As `record` returned them.
        """
        log_likelihoods = self._log_likelihoods
        history = np.array(self._history)
        remaining = self._estimate.remaining
        return Solution(
            params=state.params,
            expectations=state.expectations,
            log_likelihood=log_likelihoods[-1] if log_likelihoods is not None else None,
            iterations=state.iteration,
            evaluations=evaluations,
            accelerated=self._accelerated_from,
            stop=stop,
            message=message,
            remaining=remaining if np.isfinite(remaining) and not stop.degenerate else np.nan,
            rate=self._rate,
            decrease=self.monotonicity.worst,
            trace=Trace(
                self._layout.unpack(history),
                None if log_likelihoods is None else np.array(log_likelihoods),
            ),
        )

    @property
    def _rate(self) -> float:
        """The rate of convergence of EM itself.

        It is unknown after acceleration: the remaining steps then have whatever direction the
        extrapolations left over, which need not be EM's slowest one.
        """
        return self._estimate.rate if self._accelerated_from is None else float("nan")

    def _update(self, state: EMState) -> None:
        self._history.append(state.flat)
        if state.iteration:
            self._estimate = self.convergence.update(state.flat, self._extrapolation)
            self._was_extrapolated, self._extrapolation = self._extrapolation is not None, None
        if self._log_likelihoods is not None:
            self._log_likelihoods.append(state.log_likelihood)
            if state.iteration:
                self.monotonicity.update(state.iteration, *self._log_likelihoods[-2:])

    def _ending_of_failure(self, state: EMState, failure: Failure) -> Ending:
        empty = self._degeneracy.find_empty_component(state.flat, state.expectations)
        collapse = self._degeneracy.explain_failure(self._history, self._log_likelihoods)
        clause = empty or collapse
        if clause is None:
            if isinstance(failure, LatentfitError):
                raise failure
            return Stop.NOT_FINITE, f"{Stop.NOT_FINITE.value} ({failure})"
        stop = Stop.EMPTY_COMPONENT if empty else Stop.COLLAPSED
        return stop, f"{stop.value} ({clause}; {failure})"

    def _ending_of_convergence(self, iteration: int) -> Ending | None:
        estimate, change = self._estimate, None
        if self._log_likelihoods is not None:
            change = abs(self._log_likelihoods[-1] - self._log_likelihoods[-2])
        # An extrapolation is never the last step, because no criterion can judge it.
        if not self._was_extrapolated:
            met = criterion_met(self._stopping, estimate, change)
            if met is not None:
                return self._ending(*met, iteration)
        if iteration >= self._stopping.max_iterations:
            name = list(self._layout.shapes)[estimate.slowest_array]
            numbers = (
                f"estimated relative distance to the limit point {estimate.remaining:.2g}"
                if np.isfinite(estimate.remaining)
                else f"relative change {estimate.change:.2g} in the last iteration"
            )
            return self._ending(Stop.ITERATION_LIMIT, f"{numbers}, largest in {name}", iteration)
        return None

    def _ending(self, stop: Stop, numbers: str, iteration: int) -> Ending:
        clauses = [numbers]
        if not np.isnan(self._rate):
            clauses.append(f"linear rate {self._rate:.4g}")
        if self._accelerated_from is not None:
            until = " until EM itself lowered the log-likelihood"
            clauses.append(
                f"accelerated from iteration {self._accelerated_from}"
                f"{until if self.monotonicity.violated else ''}"
            )
        return stop, f"{stop.after(iteration)} ({'; '.join(clauses)})"

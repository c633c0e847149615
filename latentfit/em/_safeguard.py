"""Safeguards of acceleration: an extrapolation that does not help is rejected or reverted."""

from dataclasses import replace

import numpy as np

from latentfit.em._run_monitor import RunMonitor
from latentfit.em._steps import EMState, EMSteps
from latentfit.em.accelerate import Extrapolator

# Steps whose relative lengths are both below this cannot be compared: rounding error decides.
_COMPARABLE_STEP_RELATIVE = 1e-10
# Below this relative length of an EM step, secants of the EM map consist of rounding error.
_MIN_STEP_FOR_EXTRAPOLATION_RELATIVE = 1e-11
# Number of EM steps that may prove convergence; more than the fewest that determine a rate.
_MAX_CONFIRMING_STEPS = 12


class SafeguardedAcceleration:
    """Replace EM steps by extrapolations, as long as these help.

    An extrapolation is rejected if it lowers the log-likelihood, or if a step fails there. If it
    does not clearly raise the log-likelihood, it is reverted when the EM step that follows it is
    longer than the EM step that it replaced.

    Extrapolations do not determine the distance to the limit point: they may miss a slow direction
    entirely. If the limit point seems to be near, some EM steps follow, whose rate determines it.

    Parameters
    ----------
    steps : EMSteps
    monitor : RunMonitor
    extrapolator : Extrapolator
    distance_tolerance : float or None
        `Stopping.distance`.
    """

    def __init__(
        self,
        steps: EMSteps,
        monitor: RunMonitor,
        extrapolator: Extrapolator,
        distance_tolerance: float | None,
    ) -> None:
        self._steps = steps
        self._monitor = monitor
        self._extrapolator = extrapolator
        self._distance_tolerance = distance_tolerance
        monitor.begin_acceleration()
        # The EM step, from where to where, that an extrapolation replaced without proof of a gain.
        self._replaced_step: tuple[np.ndarray, np.ndarray] | None = None
        self._confirming_steps = 0
        self._pause = self._pause_length = 0

    def next_state(self, state: EMState, updated: np.ndarray) -> EMState:
        """Return the state of the next iteration.

        Parameters
        ----------
        state : EMState
        updated : ndarray, shape (p,)
            The parameters that the M step returned for this state.
        """
        iteration = state.iteration + 1
        replaced, self._replaced_step = self._replaced_step, None
        if replaced is not None and self._is_longer((state.flat, updated), replaced):
            return self._revert(replaced, iteration)
        if self._confirming_steps and self._monitor.distance_is_unknown:
            self._confirming_steps -= 1
            return self._steps.expectation_step(updated, iteration)
        if self._pause:
            self._pause -= 1
            return self._steps.expectation_step(updated, iteration)
        extrapolated = self._extrapolated(state, updated)
        if extrapolated is not None:
            return extrapolated
        return self._steps.expectation_step(updated, iteration)

    def _extrapolated(self, state: EMState, updated: np.ndarray) -> EMState | None:
        """Return the extrapolated state; None if there is none that is acceptable."""
        proposal = self._extrapolator.propose(state.flat, updated)
        if proposal is None or not self._is_above_rounding(state.flat, updated):
            return None
        extrapolated = self._steps.expectation_step(proposal, state.iteration + 1)
        decreases = self._monitor.monotonicity.decreases
        if extrapolated.failure is not None or decreases(
            state.log_likelihood, extrapolated.log_likelihood
        ):
            return None
        self._extrapolator.accepted()
        estimate = self._monitor.convergence.estimate_extrapolation(state.flat, updated, proposal)
        tolerance = self._distance_tolerance
        seems_converged = tolerance is not None and estimate.remaining <= tolerance
        self._confirming_steps = _MAX_CONFIRMING_STEPS if seems_converged else 0
        self._monitor.announce_extrapolation(
            replace(estimate, remaining=np.inf) if seems_converged else estimate
        )
        if not decreases(extrapolated.log_likelihood, state.log_likelihood):
            self._replaced_step = state.flat, updated
        return extrapolated

    def _revert(self, replaced: tuple[np.ndarray, np.ndarray], iteration: int) -> EMState:
        """Continue where EM would have been without its latest extrapolation."""
        # Each pause is longer than the one before, so that EM makes progress by itself where
        # extrapolations lead back to the same place again and again.
        self._pause_length = 2 * self._pause_length + 1
        self._pause, self._confirming_steps = self._pause_length, 0
        before, after = replaced
        estimate = self._monitor.convergence.estimate_extrapolation(before, after, after)
        self._monitor.announce_extrapolation(replace(estimate, remaining=np.inf))
        return self._steps.expectation_step(after, iteration)

    def _is_longer(
        self, step: tuple[np.ndarray, np.ndarray], reference: tuple[np.ndarray, np.ndarray]
    ) -> bool:
        """Whether an EM step is longer than a reference, beyond rounding error."""
        relative_steps = self._monitor.convergence.relative_steps
        scale = reference[0]
        length = max(relative_steps(step[1] - step[0], scale))
        reference_length = max(relative_steps(reference[1] - reference[0], scale))
        return length > max(reference_length, _COMPARABLE_STEP_RELATIVE)

    def _is_above_rounding(self, params: np.ndarray, updated: np.ndarray) -> bool:
        relative = self._monitor.convergence.relative_steps(updated - params, updated)
        return max(relative) > _MIN_STEP_FOR_EXTRAPOLATION_RELATIVE

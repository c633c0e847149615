"""The convergence monitor: how much EM changes the parameters, and how far the limit point is.

Near its limit point EM is linear: errors, and thus steps, shrink by a constant ratio ρ, the rate of
convergence, and the remaining steps sum to step · ρ / (1 - ρ) (Dempster, Laird & Rubin 1977,
section 3.4; Aitken 1926). The linear part of EM has real eigenvalues between 0 and 1, so that the
ratios of successive steps do not oscillate, and their geometric mean over the latest iterations
estimates ρ. Each parameter array has an estimate of its own, because a slow array may be hidden
behind the larger steps of a fast one.
"""

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

# Ratios of steps that are smaller than this consist of rounding error.
_MIN_STEP_FOR_RATE_RELATIVE = 1e-13
# A step of a few units in the last place: double precision allows no smaller distance.
_ROUNDING_STEP_RELATIVE = 8 * np.finfo(float).eps
# Steps below this size that no longer shrink have reached the rounding error of the user's own
# functions. Shrinking is judged by the two halves of the latest iterations.
_MAX_STALLED_STEP_RELATIVE = 1e-11
_STALL_WINDOW_ITERATIONS = 16
# The scale of an array is at least this share of the distance that EM has moved it. The share is
# small, so that a distant start costs no precision, and still far above rounding error.
_MIN_SCALE_SHARE_OF_DISTANCE_MOVED = 1e-4
# The rate is measured over the shortest of these windows that gives a consistent estimate. With
# slow convergence steps become so small, far from the limit point, that rounding error dominates
# single ratios.
_RATE_WINDOWS_ITERATIONS = (4, 32, 256)
# The rates of the two halves of a window may differ by this share of 1 - rate, because the distance
# to the limit point is proportional to 1 / (1 - rate).
_MAX_RATE_DISAGREEMENT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class ConvergenceEstimate:
    """Estimate of the distance to the limit point from the latest steps.

    Attributes
    ----------
    change : float
        Relative change in the latest iteration, the largest over the parameter arrays.
    remaining : float
        Estimated relative distance to the limit point; infinite if the rate cannot be estimated.
    rate : float
        Latest estimate of the linear rate of convergence; NaN if there is none yet.
    at_rounding_level : bool
        Whether the steps consist of rounding error alone.
    slowest_array : int
        Number of the array with the largest remaining distance, or with the largest change if that
        is unknown.
    """

    change: float
    remaining: float
    rate: float
    at_rounding_level: bool
    slowest_array: int


class ConvergenceMonitor:
    """Estimate the rate of convergence and the distance to the limit point from the iterates.

    Parameters
    ----------
    start : ndarray, shape (p,)
        Starting values.
    offsets : ndarray of int, shape (arrays,)
        Position of the first entry of each array in the flat vector.
    """

    def __init__(self, start: np.ndarray, offsets: np.ndarray) -> None:
        self._start = self._previous = start
        self._offsets = offsets
        self._distance_moved = np.zeros(len(offsets))
        self._steps: deque[list[float]] = deque(maxlen=_RATE_WINDOWS_ITERATIONS[-1] + 1)
        self._changes: deque[float] = deque(maxlen=_STALL_WINDOW_ITERATIONS)
        self._rate = math.nan

    def update(
        self, params: np.ndarray, extrapolated: ConvergenceEstimate | None = None
    ) -> ConvergenceEstimate:
        """Process the parameters after one more iteration.

        Parameters
        ----------
        params : ndarray, shape (p,)
        extrapolated : ConvergenceEstimate, optional
            What `estimate_extrapolation` returned, if acceleration replaced the EM step.
        """
        previous, self._previous = self._previous, params
        if extrapolated is not None:
            # Steps before an extrapolation contain no information on the rate after it.
            self._steps.clear()
            self._changes.append(extrapolated.change)
            return replace(
                extrapolated, at_rounding_level=self._at_rounding_level(extrapolated.change)
            )
        # Only EM steps count: an extrapolation may have been far off and then reverted.
        self._distance_moved = np.maximum(
            self._distance_moved, self._largest_entries(params - self._start)
        )
        relative = self.relative_steps(params - previous, params)
        self._steps.append(relative)
        change = max(relative)
        self._changes.append(change)
        remaining, slowest = self._distance_to_limit(relative)
        return ConvergenceEstimate(
            change, remaining, self._rate, self._at_rounding_level(change), slowest
        )

    def estimate_extrapolation(
        self, params: np.ndarray, updated: np.ndarray, proposal: np.ndarray
    ) -> ConvergenceEstimate:
        """Estimate the distance to the limit point from an EM step and an extrapolation of it.

        The limit is about as far away as the proposal, but at least as far as the EM step
        indicates at the latest known rate.

        Parameters
        ----------
        params, updated, proposal : ndarray, shape (p,)
            The current parameters, their update by EM, and the extrapolated parameters.
        """
        steps = self.relative_steps(updated - params, updated)
        rate = self._rate if self._rate < 1 else 0.0
        distances = [max(step, _sum_of_future_steps(step, rate)) for step in steps]
        remaining = list(map(max, distances, self.relative_steps(proposal - params, proposal)))
        slowest = remaining.index(max(remaining))
        return ConvergenceEstimate(max(steps), remaining[slowest], self._rate, False, slowest)

    def relative_steps(self, step: np.ndarray, params: np.ndarray) -> list[float]:
        """Return the largest absolute entry of a step in each array, relative to its scale.

        Parameters
        ----------
        step : ndarray, shape (p,)
        params : ndarray, shape (p,)
            The parameters that determine the scale of each array.
        """
        scale = np.maximum(
            _MIN_SCALE_SHARE_OF_DISTANCE_MOVED * self._distance_moved,
            self._largest_entries(params),
        )
        # An array of zeros that stays at zero has no scale, and has not changed either.
        relative: list[float] = (
            self._largest_entries(step) / np.where(scale > 0, scale, 1.0)
        ).tolist()
        return relative

    def _largest_entries(self, values: np.ndarray) -> np.ndarray:
        largest: np.ndarray = np.maximum.reduceat(np.abs(values), self._offsets)
        return largest

    def _distance_to_limit(self, latest: list[float]) -> tuple[float, int]:
        """Return the estimated relative distance and the number of the slowest array."""
        change = max(latest)
        slowest = latest.index(change)
        if change <= _MIN_STEP_FOR_RATE_RELATIVE:
            if change == 0 and math.isnan(self._rate) and len(self._steps) > 1:
                self._rate = 0.0  # EM reached its limit in a single step
            known = not math.isnan(self._rate)
            distance = _sum_of_future_steps(change, self._rate) if known or not change else math.inf
            return distance, slowest
        measurable = [step > _MIN_STEP_FOR_RATE_RELATIVE for step in latest]
        rates = [self._rate_of(array) for array, usable in enumerate(measurable) if usable]
        if not all(rate < 1 for rate in rates):
            return math.inf, slowest
        # Arrays whose steps are at rounding level are given the slowest of the measured rates.
        slowest_rate, measured = max(rates), iter(rates)
        rate_of_array = [next(measured) if usable else slowest_rate for usable in measurable]
        remaining = [
            _sum_of_future_steps(step, rate)
            for step, rate in zip(latest, rate_of_array, strict=True)
        ]
        slowest = remaining.index(max(remaining))
        self._rate = rate_of_array[slowest]
        return remaining[slowest], slowest

    def _rate_of(self, array: int) -> float:
        """Return the common ratio of successive steps; NaN if it cannot be estimated yet."""
        for window in _RATE_WINDOWS_ITERATIONS:
            if len(self._steps) <= window:
                break
            first, middle, last = (self._steps[-1 - k][array] for k in (window, window // 2, 0))
            if first > last > 0 and middle > 0:
                rate = float((last / first) ** (1 / window))
                disagreement = (middle / first) ** (2 / window) - (last / middle) ** (2 / window)
                if abs(disagreement) <= _MAX_RATE_DISAGREEMENT_SHARE * (1 - rate):
                    return rate
        return math.nan

    def _at_rounding_level(self, change: float) -> bool:
        if change <= _ROUNDING_STEP_RELATIVE:
            return True
        if change > _MAX_STALLED_STEP_RELATIVE or len(self._changes) < _STALL_WINDOW_ITERATIONS:
            return False
        changes = list(self._changes)
        half = _STALL_WINDOW_ITERATIONS // 2
        return min(changes[half:]) >= min(changes[:half])


def _sum_of_future_steps(step: float, rate: float) -> float:
    return step * rate / (1 - rate) if step else 0.0

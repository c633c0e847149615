"""How far EM has moved, and how far it still has to go."""

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

# Steps this small, relative, are rounding: their ratios say nothing of the rate.
_NOISE = 1e-13
# A step of a few units in the last place: no computation in double precision goes further.
_ROUNDING = 8 * np.finfo(float).eps
# Below this, steps that no longer shrink have met the rounding error of the user's own sums.
_STALLED = 1e-11
_STALL = 16
# A parameter on its way to zero is held to this share of the way that it has come: little
# enough for a start that was far off to cost no precision, enough to stand clear of rounding.
_WAY = 1e-4
# Over so many iterations the rate is measured, the shortest that serves: where convergence is
# slow, steps that are still far from the limit are so small that rounding error blurs single
# ratios. The rates of both halves must agree, within a share of 1 - rate: it is 1 - rate that
# the distance still to go is divided by.
_WINDOWS = (4, 32, 256)
_AGREEMENT = 0.1


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the latest steps say.

    Attributes
    ----------
    change : float
        Relative change in the latest iteration, the largest over the parameter arrays.
    remaining : float
        Estimated relative distance to the limit; infinite where the steps tell no rate.
    rate : float
        Linear rate of convergence, the last that could be told; NaN if none could.
    at_rest : bool
        The steps have shrunk to rounding error.
    slowest : int
        Which array has furthest to go, or changes most where that is not known.
    """

    change: float
    remaining: float
    rate: float
    at_rest: bool
    slowest: int


class Odometer:
    """Relative steps of each parameter array, and Aitken's extrapolation of them.

    Near its limit EM is linear: errors, and so steps, shrink by a constant ratio ρ, and the
    steps yet to come sum to step · ρ / (1 - ρ) (Dempster, Laird & Rubin 1977, section 3.4;
    Aitken 1926). EM's linear part has real eigenvalues between 0 and 1, so that the ratios do
    not oscillate, and their geometric mean over the latest iterations is the estimate of ρ: one
    for each array, as slow arrays may hide behind larger steps of fast ones.

    Parameters
    ----------
    start : ndarray, shape (p,)
    offsets : ndarray of int, shape (names,)
        Where each array begins in the flat vector.
    """

    def __init__(self, start: np.ndarray, offsets: np.ndarray) -> None:
        self._start = self._last = start
        self._offsets = offsets
        self._moved = np.zeros(len(offsets))
        self._steps: deque[list[float]] = deque(maxlen=_WINDOWS[-1] + 1)
        self._changes: deque[float] = deque(maxlen=_STALL)
        self._rate = math.nan

    def advance(self, now: np.ndarray, aimed: Estimate | None = None) -> Estimate:
        """Take in the parameters after one more iteration, or a leap that `aim` has judged."""
        before, self._last = self._last, now
        if aimed is not None:
            # Steps before a leap say nothing of the rate of those after it.
            self._steps.clear()
            self._changes.append(aimed.change)
            return replace(aimed, at_rest=self._at_rest(aimed.change))
        # By EM's own steps: a leap may have been far astray, and taken back.
        self._moved = np.maximum(self._moved, self._largest(now - self._start))
        relative = self.relative(now - before, now)
        self._steps.append(relative)
        change = max(relative)
        self._changes.append(change)
        remaining, slowest = self._extrapolate(relative)
        return Estimate(change, remaining, self._rate, self._at_rest(change), slowest)

    def aim(self, point: np.ndarray, image: np.ndarray, proposal: np.ndarray) -> Estimate:
        """What a step of EM says, and a proposal of where it leads.

        The limit is about as far away as the proposal, but no nearer than the step tells at the
        last known rate.
        """
        steps = self.relative(image - point, image)
        rate = self._rate if self._rate < 1 else 0.0
        far = [max(step, _ahead(step, rate)) for step in steps]
        remaining = list(map(max, far, self.relative(proposal - point, proposal)))
        slowest = remaining.index(max(remaining))
        return Estimate(max(steps), remaining[slowest], self._rate, False, slowest)

    def relative(self, step: np.ndarray, at: np.ndarray) -> list[float]:
        """The largest change of an entry of each array, relative to the parameters `at` a place."""
        scale = np.maximum(_WAY * self._moved, self._largest(at))
        # An array of zeros that stays there has no scale, and has not moved either.
        found: list[float] = (self._largest(step) / np.where(scale > 0, scale, 1.0)).tolist()
        return found

    def _largest(self, values: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.maximum.reduceat(np.abs(values), self._offsets)
        return found

    def _extrapolate(self, latest: list[float]) -> tuple[float, int]:
        change = max(latest)
        slowest = latest.index(change)
        if change <= _NOISE:
            if change == 0 and math.isnan(self._rate) and len(self._steps) > 1:
                self._rate = 0.0  # one step was enough
            known = not math.isnan(self._rate)
            return (_ahead(change, self._rate) if known or not change else math.inf), slowest
        rates = [self._rate_of(i) for i, step in enumerate(latest) if step > _NOISE]
        if not all(rate < 1 for rate in rates):
            return math.inf, slowest
        # Arrays at rounding level tell no rate of their own; they are held to the slowest.
        worst, told = max(rates), iter(rates)
        each = [next(told) if step > _NOISE else worst for step in latest]
        remaining = [_ahead(step, rate) for step, rate in zip(latest, each, strict=True)]
        slowest = remaining.index(max(remaining))
        self._rate = each[slowest]
        return remaining[slowest], slowest

    def _rate_of(self, array: int) -> float:
        """Common ratio of successive steps; NaN where they are too few or do not agree on one."""
        for window in _WINDOWS:
            if len(self._steps) <= window:
                break
            first, middle, last = (self._steps[-1 - k][array] for k in (window, window // 2, 0))
            if first > last > 0 and middle > 0:
                rate = float((last / first) ** (1 / window))
                halves = (middle / first) ** (2 / window) - (last / middle) ** (2 / window)
                if abs(halves) <= _AGREEMENT * (1 - rate):
                    return rate
        return math.nan

    def _at_rest(self, change: float) -> bool:
        if change <= _ROUNDING:
            return True
        if change > _STALLED or len(self._changes) < _STALL:
            return False
        changes = list(self._changes)
        return min(changes[_STALL // 2 :]) >= min(changes[: _STALL // 2])


def _ahead(step: float, rate: float) -> float:
    return step * rate / (1 - rate) if step else 0.0

"""Further θ' at which a hint has to reproduce the numbers.

Starting values are often special: equal components, a variance of 1, a probability of ½. There,
different mistakes lead to the same numbers. A hint is therefore confirmed at generic θ', which lie
between the trial points and differ from them in every coordinate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentfit.check._m_step_inputs import right_expectations
from latentfit.check._updates import Update, update_at
from latentfit.check.calls import guarded
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes import CONFIRMATIONS
from latentfit.errors import DeclarationError

# So many θ' are tried until there are enough at which the steps return usable numbers.
_MAX_TRIED = 2 * CONFIRMATIONS
# Distance of a coordinate from the segment between two trial points: on coordinates that are
# logarithms or log-odds absolute, on others relative to the largest distance of two trial points.
_SMALLEST_JITTER, _LARGEST_JITTER = 0.05, 0.3
# Relative to the coordinate itself, or absolute if that is zero: the scale of a coordinate that is
# the same at all trial points.
_SCALE_IF_CONSTANT = 0.1


@dataclass(frozen=True)
class HintPoints:
    """Generic θ', and what the steps return there.

    Attributes
    ----------
    examination : Examination
    timeout : float
        Seconds for one call of a step.
    """

    examination: Examination
    timeout: float

    @cached_property
    def trials(self) -> list[TrialPoint]:
        """Generic trial points; none if the examination cannot make any."""
        examination = self.examination
        if examination.trial_at is None:
            return []
        rng = np.random.default_rng(examination.seed)
        found = []
        for number in range(1, _MAX_TRIED + 1):
            point = self._generic_point(rng)
            with np.errstate(all="ignore"):
                try:
                    trial = examination.trial_at(f"further point {number}", point)
                except DeclarationError:
                    continue
            if trial is not None and _is_finite(trial):
                found.append(trial)
        return found

    def entries(self, name: str, shape: tuple[int, ...]) -> list[tuple[TrialPoint, np.ndarray]]:
        """Return an entry of the E step at further θ', if it is usable there.

        Parameters
        ----------
        name : str
        shape : tuple of int
        """
        found = []
        for trial, result in self._expectations:
            value = _array(result.get(name))
            if name in trial.expected and value is not None and value.shape == shape:
                found.append((trial, value))
        return found[:CONFIRMATIONS]

    def updates(self, order: Sequence[int] | None) -> list[Update]:
        """Return the updates at further θ' at which the M step can be called.

        Parameters
        ----------
        order : sequence of int, optional
            As for `right_expectations`.
        """
        examination = self.examination
        m_step = guarded(examination.m_step, "m_step", timeout=self.timeout)
        found: list[Update] = []
        for trial, own in self._expectations:
            if len(found) == CONFIRMATIONS:
                break
            given = right_expectations(examination, trial, {trial.label: own}, order)
            returned = m_step(given, examination.data, trial.params)
            if isinstance(returned, Mapping) and returned.keys() == trial.params.keys():
                values = [_array(value) for value in returned.values()]
                if all(value is not None for value in values):
                    update = update_at(examination, trial, returned)
                    found += [update] if update is not None else []
        return found

    @cached_property
    def _expectations(self) -> list[tuple[TrialPoint, Mapping[str, Any]]]:
        """What the E step returned at each trial point; an empty mapping if that is unusable."""
        e_step = guarded(self.examination.e_step, "e_step", timeout=self.timeout)
        found = []
        for trial in self.trials:
            result = e_step(trial.params, self.examination.data)
            found.append((trial, result if isinstance(result, Mapping) else {}))
        return found

    def _generic_point(self, rng: np.random.Generator) -> np.ndarray:
        """Return a random point near the segment between two trial points, unconstrained."""
        points = np.array([trial.point for trial in self.examination.trial_points])
        one, other = points[rng.integers(len(points), size=2)]
        share = rng.uniform(0.3, 0.7, len(one))
        centre = one + share * (other - one)
        size = rng.uniform(_SMALLEST_JITTER, _LARGEST_JITTER, len(one))
        distance = np.ptp(points, axis=0)
        constant = np.where(centre == 0, _SCALE_IF_CONSTANT, _SCALE_IF_CONSTANT * np.abs(centre))
        scale = np.where(distance > 0, distance, constant)
        bounded = self.examination.density.space.bounded
        signs = rng.choice([-1.0, 1.0], len(one))
        result: np.ndarray = centre + signs * size * np.where(bounded, 1.0, scale)
        return result


def _is_finite(trial: TrialPoint) -> bool:
    """Return whether all that the declaration knows at this trial point are finite numbers."""
    known = (*trial.statistics.values(), *trial.expected.values())
    return all(np.isfinite(value).all() for value in known)


def _array(value: Any) -> np.ndarray | None:
    """Return the value as an array of finite numbers; None if it is none."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        return None
    return array if np.isfinite(array).all() else None

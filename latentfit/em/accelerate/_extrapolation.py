"""Extrapolation of parameters: an accelerator in unconstrained coordinates."""

import math
from collections import deque

import numpy as np

from latentfit.em.accelerate._coordinates import Coordinates, units
from latentfit.em.accelerate._history import History, Objective
from latentfit.em.accelerate._registry import Accelerator
from latentfit.em.layout import Layout

# Number of evaluations that accelerators are given.
_MAX_HISTORY_EVALUATIONS = 24
# An extrapolation changes no scale, rate or odds by more than this factor, because a likelihood may
# be unbounded far from EM's own iterates.
_MAX_LOG_FACTOR = math.log(100.0)
# Rounding error of a logarithm, relative to its magnitude (at least 1).
_LOG_ROUNDING_RELATIVE = 4 * np.finfo(float).eps
# A step must exceed its rounding error by this factor for its shrinking to be measurable.
_MIN_STEP_TO_ROUNDING_RATIO = 1e3


class Extrapolator:
    """Record the EM map in natural parameters, and ask an accelerator for proposals.

    Parameters
    ----------
    accelerator : Accelerator
    layout : Layout
    objective : callable or None
        ``objective(params)``, what EM never decreases, of flat natural parameters, shape (p,);
        minus infinity where it cannot be computed.
    """

    def __init__(
        self, accelerator: Accelerator, layout: Layout, objective: Objective | None
    ) -> None:
        self._accelerator = accelerator
        self._layout = layout
        self._objective = objective
        self._points: deque[np.ndarray] = deque(maxlen=_MAX_HISTORY_EVALUATIONS)
        self._images: deque[np.ndarray] = deque(maxlen=_MAX_HISTORY_EVALUATIONS)
        self._evaluations = self._since_proposal = self._accepted_proposals = 0
        # A proposal towards infinity that was rejected is not repeated up to this evaluation.
        self._unbounded_steps_paused_until = 0

    def propose(self, params: np.ndarray, updated: np.ndarray) -> np.ndarray | None:
        """Record an EM step and propose extrapolated parameters.

        Parameters
        ----------
        params, updated : ndarray, shape (p,)
            Natural parameters before and after the EM step.

        Returns
        -------
        ndarray, shape (p,), or None
            Natural parameters; None to let EM continue by itself.
        """
        self._points.append(params)
        self._images.append(updated)
        self._evaluations += 1
        self._since_proposal += 1
        rows = np.array([*self._points, *self._images])
        coordinates = Coordinates.of(self._layout, rows)
        count = len(self._points)
        arrays = coordinates.chart(rows)
        points, images = [array[:count] for array in arrays], [array[count:] for array in arrays]
        scale = units([array[-1:] for array in points], [array[-1:] for array in images])
        sizes = [array.shape[1] for array in arrays]
        ends = np.cumsum(sizes)[:-1]

        def natural(point: np.ndarray) -> np.ndarray:
            return coordinates.params(np.split(point * scale, ends))

        objective = self._objective
        history = History(
            np.concatenate(points, axis=1) / scale,
            np.concatenate(images, axis=1) / scale,
            self._evaluations,
            self._since_proposal,
            self._accepted_proposals,
            None if objective is None else lambda point: objective(natural(point)),
        )
        proposal = self._accelerator(history)
        if proposal is None or not np.isfinite(proposal).all():
            return None
        self._since_proposal = 0
        step = (proposal - history.points[-1]) * scale
        constrained = np.repeat([kind != "real" for kind in coordinates.kinds], sizes)
        largest = float(np.max(np.abs(step)[constrained], initial=0.0))
        if largest > _MAX_LOG_FACTOR:
            step = step * (_MAX_LOG_FACTOR / largest)
        unbounded = constrained & _is_unbounded(history, scale)
        unbounded = unbounded & (self._unbounded_steps_paused_until < self._evaluations)
        if unbounded.any():
            # The pause ends early if the proposal is accepted.
            self._unbounded_steps_paused_until = self._evaluations + _MAX_HISTORY_EVALUATIONS
            step = np.where(unbounded, np.copysign(_MAX_LOG_FACTOR, history.steps[-1]), step)
        proposed = natural(history.points[-1] + step / scale)
        return proposed if np.isfinite(proposed).all() else None

    def accepted(self) -> None:
        """Record that the latest proposal was accepted."""
        self._accepted_proposals += 1
        self._unbounded_steps_paused_until = 0


def _is_unbounded(history: History, scale: np.ndarray) -> np.ndarray:
    """Find the coordinates whose limit seems to be infinite: their steps do not shrink.

    A variance τ² whose maximum likelihood estimate is zero is an example: near zero EM multiplies
    it by 1 - c τ², so that the steps of its logarithm hardly change from one iteration to the next.
    Without an objective this cannot be distinguished from a collapse, and no coordinate is found.
    """
    if history.objective is None or len(history.points) < 2:
        return np.zeros(len(scale), dtype=bool)
    rounding = _LOG_ROUNDING_RELATIVE * np.maximum(1.0, np.abs(history.points[-1] * scale))
    previous, latest = history.steps[-2:] * scale
    measurable = np.abs(latest) > _MIN_STEP_TO_ROUNDING_RATIO * rounding
    unbounded: np.ndarray = measurable & (np.abs(latest - previous) <= rounding)
    return unbounded

"""From the parameters that EM was at to where it is proposed to go on."""

import math
from collections import deque
from collections.abc import Callable

import numpy as np

from latentfit.em.accelerate._coordinates import Coordinates, units
from latentfit.em.accelerate._course import Accelerator, Course
from latentfit.em.layout import Layout

# What an accelerator may look back on.
_HELD = 24
# A leap changes no scale, rate or odds by more than this factor: far from EM's own path a
# likelihood may be unbounded.
_FARTHEST = math.log(100.0)
# Rounding of a logarithm, in units of its own size; and how many times that a step has to be for
# its shrinking to be seen.
_ROUNDING = 4 * np.finfo(float).eps
_CLEAR = 1e3

Objective = Callable[[np.ndarray], float]


class Pilot:
    """Holds the course, in natural parameters, and asks an accelerator.

    Parameters
    ----------
    accelerator : Accelerator
    layout : Layout
    objective : callable or None
        Flat parameters, (p,), to what EM never decreases; minus infinity where there is none.
    """

    def __init__(
        self, accelerator: Accelerator, layout: Layout, objective: Objective | None
    ) -> None:
        self._accelerator = accelerator
        self._layout = layout
        self._objective = objective
        self._points: deque[np.ndarray] = deque(maxlen=_HELD)
        self._images: deque[np.ndarray] = deque(maxlen=_HELD)
        self._evaluations = self._since = self._leaps = 0
        # Up to which evaluation no limit is looked for at infinity, since none was found there.
        self._refused = 0

    def propose(self, point: np.ndarray, image: np.ndarray) -> np.ndarray | None:
        """Take in that EM leads from one to the other, both flat, (p,), and propose a third."""
        self._points.append(point)
        self._images.append(image)
        self._evaluations += 1
        self._since += 1
        rows = np.array([*self._points, *self._images])
        chart = Coordinates.of(self._layout, rows)
        half = len(self._points)
        whole = chart.chart(rows)
        points, images = [part[:half] for part in whole], [part[half:] for part in whole]
        scale = units([part[-1:] for part in points], [part[-1:] for part in images])
        ends = np.cumsum([part.shape[1] for part in whole])[:-1]

        def natural(place: np.ndarray) -> np.ndarray:
            return chart.params(np.split(place * scale, ends))

        objective = self._objective
        course = Course(
            np.concatenate(points, axis=1) / scale,
            np.concatenate(images, axis=1) / scale,
            self._evaluations,
            self._since,
            self._leaps,
            None if objective is None else lambda place: objective(natural(place)),
        )
        proposal = self._accelerator(course)
        if proposal is None or not np.isfinite(proposal).all():
            return None
        self._since = 0
        way = (proposal - course.points[-1]) * scale
        free = np.repeat(
            [kind != "real" for kind in chart.kinds], [part.shape[1] for part in whole]
        )
        farthest = float(np.max(np.abs(way)[free], initial=0.0))
        if farthest > _FARTHEST:
            way = way * (_FARTHEST / farthest)
        endless = free & _endless(course, scale) & (self._refused < self._evaluations)
        if endless.any():
            # Until it is followed.
            self._refused = self._evaluations + _HELD
            way = np.where(endless, np.copysign(_FARTHEST, course.steps[-1]), way)
        proposed = natural(course.points[-1] + way / scale)
        return proposed if np.isfinite(proposed).all() else None

    def followed(self) -> None:
        """Take in that the latest proposal was followed."""
        self._leaps += 1
        self._refused = 0


def _endless(course: Course, scale: np.ndarray) -> np.ndarray:
    """Coordinates whose steps do not shrink, but for rounding: the limit is as far as can be told.

    So a variance that belongs at zero: EM multiplies it by 1 - c times itself. Without an objective
    nothing would tell it from a collapse.
    """
    if course.objective is None or len(course.points) < 2:
        return np.zeros(len(scale), dtype=bool)
    rounding = _ROUNDING * np.maximum(1.0, np.abs(course.points[-1] * scale))
    before, latest = course.steps[-2:] * scale
    onwards: np.ndarray = (np.abs(latest) > _CLEAR * rounding) & (
        np.abs(latest - before) <= rounding
    )
    return onwards

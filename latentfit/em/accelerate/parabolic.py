"""Parabolic extrapolation.

Berlinet & Roland (2009), Computational Statistics & Data Analysis 53(4), 1161-1178.

The Bézier parabola whose three control points are iterates of EM,

    P(t) = (1 - t)² P0 + 2 t (1 - t) P1 + t² P2,

follows the iterates up to t = 1 and extrapolates them beyond. Values of t that grow geometrically
are tried as long as the objective increases. Two plain steps from the best point give the next P2,
and the other control points move up. Like conjugate gradients, the parabola thus keeps a memory of
earlier directions, without which the iterates would zigzag.
"""

import numpy as np

from latentfit.em.accelerate._history import History
from latentfit.em.accelerate._registry import register

# The values of t that are tried are 1 + _FIRST_EXTENSION * _EXTENSION_GROWTH ** k.
_FIRST_EXTENSION = 0.1
_EXTENSION_GROWTH = 1.5
_MAX_EXTENSIONS = 40


@register("parabolic", fast=True)
def parabolic(history: History) -> np.ndarray | None:
    """Propose a point after two plain steps; None if there is no objective for the search."""
    if history.objective is None or history.since_proposal < 2 or not history.is_consecutive(1):
        return None
    images = history.images
    if len(images) < 4:
        first, middle, last = history.points[-2], images[-2], images[-1]
    else:
        first, middle, last = images[max(-5, -len(images))], images[-3], images[-1]
    best, best_value = None, history.objective(last)
    for number in range(_MAX_EXTENSIONS):
        t = 1 + _FIRST_EXTENSION * _EXTENSION_GROWTH**number
        point = (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last
        value = history.objective(point)
        if not value > best_value:
            break
        best, best_value = point, value
    return best

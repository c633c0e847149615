"""Parabolic extrapolation (Berlinet & Roland 2009, Computational Statistics & Data Analysis 53(4),
1161-1178).

The Bézier parabola with three control points on EM's way,

    P(t) = (1 - t)² P0 + 2 t (1 - t) P1 + t² P2,

follows that way up to t = 1 and goes on beyond. Longer and longer ways are tried, in steps that
grow geometrically, as long as the objective rises. Two plain steps from the highest place give the
next P2, and the others move up: like the directions of conjugate gradients, the parabola remembers
where it came from, without which it would zigzag.
"""

import numpy as np

from latentfit.em.accelerate._course import Course

_FIRST = 0.1
_GROWTH = 1.5
_WAYS = 40


def parabolic(course: Course) -> np.ndarray | None:
    """Propose a point after two plain steps; none where there is no objective to search along."""
    if course.objective is None or course.since < 2 or not course.went_on(1):
        return None
    images = course.images
    if len(images) < 4:
        begin, middle, end = course.points[-2], images[-2], images[-1]
    else:
        begin, middle, end = images[max(-5, -len(images))], images[-3], images[-1]
    best, height = None, course.objective(end)
    for number in range(_WAYS):
        t = 1 + _FIRST * _GROWTH**number
        tried = (1 - t) ** 2 * begin + 2 * t * (1 - t) * middle + t**2 * end
        reached = course.objective(tried)
        if not reached > height:
            break
        best, height = tried, reached
    return best

"""Squared extrapolation, SQUAREM (Varadhan & Roland 2008, Scand. J. Statistics 35(2), 335-353).

Of three points of the map's own, x, F(x) and F(F(x)), let r = F(x) - x be the first step and
v = F(F(x)) - 2 F(x) + x how it changes. Were the map linear with a single rate, x - α r with
α = -1/(1 - rate) would be its fixed point. Squared, that is

    x - 2 α r + α² v,        α = -|r| / |v|

(their step length S3, the geometric mean of the two of least squares). A plain step from there
follows, which damps what the extrapolation excited, and the next begins.
"""

import numpy as np

from latentfit.em.accelerate._course import Course


def squarem(course: Course) -> np.ndarray | None:
    """Propose a point after two plain steps, and one more before them after a leap."""
    followed = len(course.points) > course.since and not course.went_on(course.since)
    if course.since < (3 if followed else 2) or not course.went_on(1):
        return None
    first, second = course.steps[-2:]
    change = second - first
    size = np.linalg.norm(change)
    if size == 0:
        return None
    # No shorter than the map's own two steps.
    alpha = -max(1.0, float(np.linalg.norm(first) / size))
    proposal: np.ndarray = course.points[-2] - 2 * alpha * first + alpha**2 * change
    return proposal

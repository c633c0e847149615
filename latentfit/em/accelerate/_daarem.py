"""Restarted Anderson acceleration: DAAREM (Henderson & Varadhan 2019, J. Computational and
Graphical Statistics 28(4), 834-846; Anderson 1965, J. ACM 12(4), 547-560).

The residual f(x) = F(x) - x is zero at a fixed point. Let the columns of X and G be the differences
of successive points and of their residuals. The combination γ of columns that least squares finds
for f ≈ G γ says where the residual would vanish if the map were linear; one step of it from there
is

    x + f - (X + G) γ .

It is a secant method with as many directions as there are columns. They are forgotten after every
few evaluations, for old ones describe the map elsewhere, and few are far from parallel. Least
squares is damped as Levenberg and Marquardt do, so strongly that |γ|² is the share

    δ = 1 / (1 + a^(κ - s))

of what it would be; s counts the proposals that were followed, so that trust grows with success.
"""

import numpy as np

from latentfit.em.accelerate._course import Course

# Columns before a restart, but for fewer parameters; and the settings of the damping, of which the
# paper has a = 1.2 as well, and a first s that is further from κ: it does not begin with the plain
# steps that go before here.
_COLUMNS = 10
_BASE = 1.2
_KAPPA = 25
# Directions that are this much shorter than the longest are rounding.
_RANK = 1e-14


def daarem(course: Course) -> np.ndarray | None:
    """Propose a point after each evaluation, unless it is the first after a restart."""
    columns = min(_COLUMNS, max(1, (course.points.shape[1] + 1) // 2))
    held = 1 + (course.evaluations - 1) % (columns + 1)
    if held < 2 or held > len(course.points):
        return None
    points, steps = course.points[-held:], course.steps[-held:]
    moved, changed = np.diff(points, axis=0).T, np.diff(steps, axis=0).T
    left, sizes, right = np.linalg.svd(changed, full_matrices=False)
    usable = sizes > _RANK * sizes[0]
    if not usable.any():
        return None
    left, sizes, right = left[:, usable], sizes[usable], right[usable]
    along = left.T @ steps[-1]
    share = 1 / (1 + _BASE ** (_KAPPA - course.leaps))
    penalty = _penalty(sizes, along, share)
    combination = right.T @ (sizes * along / (sizes**2 + penalty))
    proposal: np.ndarray = points[-1] + steps[-1] - (moved + changed) @ combination
    return proposal


def _penalty(sizes: np.ndarray, along: np.ndarray, share: float) -> float:
    """The ridge parameter with which |γ|² is the given share of what it is without."""
    whole = np.sum((along / sizes) ** 2)
    low, high = -80.0, 40.0  # logarithms, in units of the largest size
    for _ in range(50):
        middle = (low + high) / 2
        penalty = sizes[0] ** 2 * np.exp(middle)
        kept = np.sum((sizes * along / (sizes**2 + penalty)) ** 2)
        low, high = (middle, high) if kept > share * whole else (low, middle)
    return float(sizes[0] ** 2 * np.exp(low))

"""Restarted Anderson acceleration, DAAREM.

Henderson & Varadhan (2019), Journal of Computational and Graphical Statistics 28(4), 834-846;
Anderson (1965), Journal of the ACM 12(4), 547-560.

The residual f(x) = F(x) - x is zero at a fixed point. Let the columns of X and G be the differences
of successive points and of their residuals. Least squares finds the combination γ of columns for
which f ≈ G γ, that is, where the residual would vanish if the map were linear. One step of the map
from there is

    x + f - (X + G) γ .

This is a secant method with as many directions as there are columns. The columns are discarded
after every few evaluations, because old columns describe the map elsewhere, and few columns are
rarely close to parallel. Least squares is damped as by Levenberg and Marquardt, such that |γ|² is
the share

    δ = 1 / (1 + a^(κ - s))

of its undamped value. As s is the number of accepted proposals, the damping decreases with success.
"""

import numpy as np

from latentfit.em.accelerate._history import History
from latentfit.em.accelerate._registry import register

# Largest number of columns before a restart; with few parameters there are fewer.
_MAX_COLUMNS = 10
# a and κ of the damping. The paper also has a = 1.2, but an s that starts further below κ, because
# there the method does not start with plain EM steps as it does here.
_DAMPING_BASE = 1.2
_DAMPING_KAPPA = 25
# Singular values below this share of the largest one are rounding error.
_SINGULAR_VALUE_RELATIVE = 1e-14
# Bisection for the penalty, on the logarithm of its ratio to the largest squared singular value.
_LOG_PENALTY_BOUNDS = (-80.0, 40.0)
_BISECTION_STEPS = 50


@register("daarem", fast=True)
def daarem(history: History) -> np.ndarray | None:
    """Propose a point after each evaluation, except for the first one after a restart."""
    columns = min(_MAX_COLUMNS, max(1, (history.points.shape[1] + 1) // 2))
    used = 1 + (history.evaluations - 1) % (columns + 1)
    if used < 2 or used > len(history.points):
        return None
    points, steps = history.points[-used:], history.steps[-used:]
    point_differences, step_differences = np.diff(points, axis=0).T, np.diff(steps, axis=0).T
    left, singular, right = np.linalg.svd(step_differences, full_matrices=False)
    usable = singular > _SINGULAR_VALUE_RELATIVE * singular[0]
    if not usable.any():
        return None
    left, singular, right = left[:, usable], singular[usable], right[usable]
    projected = left.T @ steps[-1]
    share = 1 / (1 + _DAMPING_BASE ** (_DAMPING_KAPPA - history.accepted_proposals))
    penalty = _penalty(singular, projected, share)
    combination = right.T @ (singular * projected / (singular**2 + penalty))
    proposal: np.ndarray = (
        points[-1] + steps[-1] - (point_differences + step_differences) @ combination
    )
    return proposal


def _penalty(singular: np.ndarray, projected: np.ndarray, share: float) -> float:
    """Return the penalty with which |γ|² is the given share of its undamped value."""
    undamped = np.sum((projected / singular) ** 2)
    low, high = _LOG_PENALTY_BOUNDS
    for _ in range(_BISECTION_STEPS):
        middle = (low + high) / 2
        penalty = singular[0] ** 2 * np.exp(middle)
        damped = np.sum((singular * projected / (singular**2 + penalty)) ** 2)
        low, high = (middle, high) if damped > share * undamped else (low, middle)
    return float(singular[0] ** 2 * np.exp(low))

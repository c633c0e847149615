"""A limit point at which the objective is flat in some direction.

Either the parameters are not identified in that direction, or the point is a saddle point that
gradient and Hessian alone do not show.
"""

import numpy as np

from latentfit import bayes
from latentfit.check._limit_point_outcomes import (
    CONVERGED_STANDARD_ERRORS,
    contradicted,
    listed,
    noted,
)
from latentfit.check.examination import Examination
from latentfit.check.result import Outcome
from latentfit.em.information import Curvature

# Increase of the objective, relative to its size, that cannot be attributed to rounding.
_INCREASE_RELATIVE = 1e-9
# Lengths of the steps along a direction without curvature, in units of the curvatures of the
# coordinates.
_STEPS = (-0.3, 0.3)


def examine(
    examination: Examination, point: np.ndarray, shape: Curvature, gradient: np.ndarray
) -> Outcome | None:
    """Return the outcome for a flat direction; None if the objective is curved in all.

    Parameters
    ----------
    examination : Examination
    point : ndarray, shape (size,)
        EM's limit point, unconstrained.
    shape : Curvature
        Of the objective there.
    gradient : ndarray, shape (size,)
    """
    if shape.curved.all() or not shape.newton(gradient)[1] <= CONVERGED_STANDARD_ERRORS:
        return None
    density = examination.density
    known = bayes.maxima.identification(density, point)
    if not known.directions:
        if not shape.unidentified.any():
            return None
        increase = _largest_increase(examination, point, shape)
        if increase <= 0:
            return None
        return contradicted(
            "saddle",
            f"EM converged to a saddle point: gradient and curvature are zero in one direction, "
            f"and the objective increases by {increase:.2g} along it. Components that start with "
            f"equal values stay equal: start them with different values",
            {"given": increase, "expected": 0.0},
        )
    names = listed(known.missing(density.space.parameters))
    several = known.directions > 1
    return noted(
        "ridge",
        f"the objective is constant in {known.directions} direction{'s' if several else ''} at "
        f"EM's limit point: the data do not identify {names}",
    )


def _largest_increase(examination: Examination, point: np.ndarray, shape: Curvature) -> float:
    """Return by how much the objective increases along directions without curvature; 0 if not."""
    value, _ = examination.objective_at(point)
    least = _INCREASE_RELATIVE * (1 + abs(value))
    increases = [
        examination.objective_at(point + length * direction)[0] - value
        for direction in shape.vectors[:, shape.unidentified].T
        for length in _STEPS
    ]
    return max((one for one in increases if np.isfinite(one) and one > least), default=0.0)

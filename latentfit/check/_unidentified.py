"""A limit point at which the objective is flat in some direction.

Either the parameters are not identified in that direction, or the point is a saddle point that
gradient and Hessian alone do not show.
"""

from functools import partial

import numpy as np

from latentfit import bayes
from latentfit.check._limit_point_outcomes import CONVERGED_STANDARD_ERRORS, listed, reported
from latentfit.check.examination import Examination
from latentfit.check.result import Outcome
from latentfit.em.information import Curvature


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
        hessian = partial(density.hessian, prior=examination.with_prior)
        if bayes.maxima.polish(
            examination.objective_at, hessian, point, density.space.bounded
        ).reached:
            return None
        return reported(
            "saddle",
            "EM converged to a saddle point: gradient and curvature are zero in one direction, "
            "and the objective increases along it. Components that start with equal values stay "
            "equal: start them with different values",
        )
    names = listed(known.missing(density.space.parameters))
    several = known.directions > 1
    return reported(
        "ridge",
        f"the objective is constant in {known.directions} direction{'s' if several else ''} at "
        f"EM's limit point: the data do not identify {names}",
        "warning",
    )

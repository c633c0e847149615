"""The maximum of the objective, and the trial points there and near it."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from latentfit import bayes
from latentfit.bayes import Density
from latentfit.check.examination import AT_MAXIMUM
from latentfit.em.information import Curvature, curvature_of

# Distance of the trial point near the maximum, in standard errors; on coordinates that are
# logarithms or log-odds it is limited besides.
_NEAR_MAXIMUM_STANDARD_ERRORS = 2.0
_MAX_DISTANCE_LOGARITHM = 2.0
# A maximum at infinity is replaced by a point at which the gradient along a logarithm, in units of
# the log density, is at least the first figure; at most so many factors of e away.
_MIN_GRADIENT_LOGARITHM = 1e-2
_MAX_FACTORS_OF_E = 60
# Log-odds beyond which the distance to a bound has lost half of its digits in double precision.
_MAX_LOG_ODDS = 18.0


def maximum_of_objective(
    density: Density, starts: Sequence[np.ndarray], *, prior: bool
) -> np.ndarray | None:
    """Return the highest maximum of the objective found from the starts; None if there is none."""
    found = bayes.maximum_likelihood(density, starts) if density.tractable else []
    reached = [maximum for maximum in found if maximum.reached]
    if not reached:
        return None
    point = max(reached, key=lambda maximum: maximum.value).point
    if not prior:
        return point
    hessian = partial(density.hessian, prior=True)
    mode = bayes.maxima.maximise(density.log_posterior, hessian, point, density.space.bounded)
    return mode.point if mode.reached else None


def points_near_maximum(
    density: Density, maximum: np.ndarray, rng: np.random.Generator, *, prior: bool
) -> list[tuple[str, np.ndarray]]:
    """Return a random point near the maximum, and the maximum, with their labels.

    Parameters
    ----------
    density : Density
    maximum : ndarray, shape (size,)
        Unconstrained.
    rng : Generator
    prior : bool
        Whether `maximum` is that of the posterior density.
    """
    _, gradient = (density.log_posterior if prior else density.log_likelihood)(maximum)
    shape = curvature_of(density.hessian(maximum, prior=prior), gradient, density.space.bounded)
    centre, covariance = _finite_maximum(density, maximum, shape), shape.covariance()
    points = [(AT_MAXIMUM, centre)]
    if covariance is not None:
        errors = np.sqrt(np.diag(covariance))
        steps = _NEAR_MAXIMUM_STANDARD_ERRORS * errors * rng.standard_normal(density.space.size)
        # Where the data say little, a standard error reaches values that lose all digits.
        limited = np.clip(steps, -_MAX_DISTANCE_LOGARITHM, _MAX_DISTANCE_LOGARITHM)
        near = centre + np.where(density.space.bounded, limited, steps)
        points.insert(0, ("near the maximum", near))
    return points


def _finite_maximum(density: Density, maximum: np.ndarray, shape: Curvature) -> np.ndarray:
    """Return the maximum, or a finite point with a non-zero gradient if it lies at infinity.

    How far out an optimiser stops is chance, and a covariance may be singular there but for
    rounding.
    """
    point, origin = maximum.copy(), density.space.origin
    for axis in np.flatnonzero(shape.boundary_coordinates):
        # The sign of the gradient is only that of its rounding error at this point.
        inwards = np.sign(origin[axis] - point[axis])
        for _ in range(_MAX_FACTORS_OF_E):
            if abs(density.log_likelihood(point)[1][axis]) >= _MIN_GRADIENT_LOGARITHM:
                break
            point[axis] += inwards
    confined = density.space.two_sided
    point[confined] = np.clip(point[confined], -_MAX_LOG_ODDS, _MAX_LOG_ODDS)
    return point

"""Maximisation of a smooth objective, with a statement of whether a maximum was reached."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from pymc.logprob.utils import ParameterValueError
from scipy.optimize import minimize

from latentfit.em.information import Curvature, curvature_of

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
Hessian = Callable[[np.ndarray], np.ndarray]

# Distances to a maximum are measured by the Newton decrement, which for a log-likelihood is a
# number of standard errors, whatever the units of the data (Boyd & Vandenberghe 2004, section
# 9.5.1). A point closer than this is a maximum.
_CONVERGED_STANDARD_ERRORS = 1e-6
# A point closer than this is not improved any further.
_EXACT_STANDARD_ERRORS = 1e-11
# Within this distance the last Hessian is used again: a Newton step by it leaves a share of the
# distance that is of the order of the distance itself. Not where some direction is flat, because
# flatness has to be judged by the Hessian at the point itself.
_REUSE_HESSIAN_STANDARD_ERRORS = 1e-3
_NEWTON_STEPS = 50
# Newton steps are shortened by a factor of four until the objective does not decrease, but not
# below this share.
_SHORTEST_STEP = 1e-3
# Decrease of the objective, relative to its size, that is attributed to rounding.
_ROUNDING_RELATIVE = 1e-12
# Increase of the objective, relative to its size, that cannot be attributed to rounding.
_INCREASE_RELATIVE = 1e-9
_BFGS_GRADIENT_TOLERANCE = 1e-5
# Value of the objective that BFGS is given where the objective is not finite.
_WORST_VALUE = -1e100
# Distance, along a coordinate that is a logarithm, by which a maximum moves towards a boundary of
# the support: a factor of about 2e-9 on the natural scale.
_BOUNDARY_STEP_LOG_UNITS = 20.0


@dataclass(frozen=True)
class Maximum:
    """The result of a maximisation.

    Attributes
    ----------
    point : ndarray, shape (size,)
        The last point, unconstrained scale.
    value : float
        The objective at `point`.
    decrement : float
        Newton decrement: the estimated distance to the maximum, in standard errors. NaN unless
        the objective curves downwards in every direction that is not flat.
    problem : str
        Empty at a maximum; otherwise the reason why `point` is not a maximum.
    """

    point: np.ndarray
    value: float
    decrement: float
    problem: str = ""

    @property
    def reached(self) -> bool:
        """Whether `point` is a maximum."""
        return not self.problem


def maximise(
    objective: Objective, hessian: Hessian, start: np.ndarray, bounded: np.ndarray
) -> Maximum:
    """Maximise by BFGS, in units of the curvature at the start, followed by `polish`.

    Parameters
    ----------
    objective : callable
        From a point to the value of the objective and its gradient.
    hessian : callable
        From a point to the matrix of second derivatives of the objective.
    start : ndarray, shape (size,)
    bounded : ndarray of bool, shape (size,)
        `Space.bounded`: the coordinates along which the maximum may lie at infinity.
    """
    objective = _guarded(objective)
    with np.errstate(all="ignore"):
        scale = _curvature_scale(hessian(start))
        # Near a boundary there is no curvature, and a logarithm needs no unit larger than 1.
        scale = np.where(bounded, np.minimum(scale, 1.0), scale)

        def descent(steps: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = objective(start + scale * steps)
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                return -_WORST_VALUE, np.zeros_like(steps)
            return -value, -scale * gradient

        result = minimize(
            descent,
            np.zeros_like(start),
            jac=True,
            method="BFGS",
            options={"gtol": _BFGS_GRADIENT_TOLERANCE},
        )
        return polish(objective, hessian, start + scale * result.x, bounded)


def polish(
    objective: Objective, hessian: Hessian, point: np.ndarray, bounded: np.ndarray
) -> Maximum:
    """Maximise by Newton's method from a point near a maximum, without decreasing the objective.

    Parameters
    ----------
    objective, hessian, bounded
        As in `maximise`.
    point : ndarray, shape (size,)
        The start.
    """
    objective = _guarded(objective)
    with np.errstate(all="ignore"):
        value, gradient = objective(point)
        decrement, reuse_hessian = np.nan, False
        for _ in range(_NEWTON_STEPS):
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                return Maximum(
                    point, value, np.nan, "the log density or its gradient is not finite"
                )
            try:
                if not reuse_hessian:
                    shape = curvature_of(hessian(point), gradient, bounded)
                step, decrement = shape.newton(gradient)
                reuse_hessian = decrement < _REUSE_HESSIAN_STANDARD_ERRORS and bool(
                    shape.curved.all()
                )
            except np.linalg.LinAlgError:
                decrement = np.nan
            if np.isnan(decrement):
                return Maximum(
                    point,
                    value,
                    np.nan,
                    "not a maximum: the log density does not curve downwards in every direction "
                    "(a saddle point, or the search did not come near a maximum)",
                )
            if decrement < _EXACT_STANDARD_ERRORS:
                break
            length = 1.0
            while length > _SHORTEST_STEP:
                new_value, new_gradient = objective(point + length * step)
                # Close to the maximum the increase is smaller than rounding errors, and the step
                # is accepted without evidence of an increase.
                if new_value >= value - _ROUNDING_RELATIVE * (1 + abs(value)):
                    break
                length /= 4
            else:
                break
            if decrement < _CONVERGED_STANDARD_ERRORS and np.linalg.norm(
                new_gradient
            ) >= np.linalg.norm(gradient):
                break
            point, value, gradient = point + length * step, new_value, new_gradient
        converged = decrement < _CONVERGED_STANDARD_ERRORS
        increases = converged and _increases_along_flat_directions(objective, point, value, shape)
    if increases:
        return Maximum(
            point,
            value,
            np.nan,
            "not a maximum: the log density increases in a direction without curvature "
            "(a saddle point of higher order)",
        )
    problem = (
        "" if converged else f"not converged: a maximum is {decrement:.2g} standard errors away"
    )
    return Maximum(point, value, decrement, problem)


def move_towards_boundary(
    objective: Objective, hessian: Hessian, maximum: Maximum, bounded: np.ndarray
) -> Maximum:
    """Move a maximum further towards a boundary of the support at infinity, if it lies there.

    In directions in which the objective is flat towards the boundary, its changes are smaller than
    what can be measured, and the distance at which a maximisation stopped is arbitrary. The maximum
    moves only where the objective does not decrease. A `maximum` that was not reached is returned
    as it is.

    Parameters
    ----------
    objective, hessian, bounded
        As in `maximise`.
    maximum : Maximum
    """
    if not maximum.reached:
        return maximum
    objective = _guarded(objective)
    point, value = maximum.point, maximum.value
    _, gradient = objective(point)
    shape = curvature_of(hessian(point), gradient, bounded)
    for direction in shape.vectors[:, shape.flat_towards_boundary].T:
        slope = direction @ gradient
        length = np.max(np.abs(direction))
        if slope == 0 or length == 0:
            continue
        moved = point + np.copysign(_BOUNDARY_STEP_LOG_UNITS / length, slope) * direction
        new_value, new_gradient = objective(moved)
        if new_value >= value and np.isfinite(new_gradient).all():
            point, value = moved, new_value
    return replace(maximum, point=point, value=value)


def _increases_along_flat_directions(
    objective: Objective, point: np.ndarray, value: float, shape: Curvature
) -> bool:
    """Whether the objective increases in a direction that its curvature calls unidentified."""
    values = [
        objective(point + sign * direction)[0]
        for direction in shape.vectors[:, shape.unidentified].T
        for sign in (-1.0, 1.0)
    ]
    return any(new > value + _INCREASE_RELATIVE * (1 + abs(value)) for new in values)


def _guarded(objective: Objective) -> Objective:
    """Return minus infinity where PyMC refuses to evaluate the objective.

    A long step may make a scale underflow to zero, which PyMC rejects as a parameter value.
    """

    def guarded(point: np.ndarray) -> tuple[float, np.ndarray]:
        try:
            return objective(point)
        except ParameterValueError:
            return -np.inf, np.full_like(point, np.nan)

    return guarded


def _curvature_scale(hessian: np.ndarray) -> np.ndarray:
    """One over the square root of the curvature along each coordinate; 1 where that is undefined.

    For a log-likelihood these are standard errors given all other coordinates.
    """
    curvature = np.abs(np.diag(hessian))
    usable = np.isfinite(curvature) & (curvature > 0)
    return np.where(usable, 1 / np.sqrt(np.where(usable, curvature, 1.0)), 1.0)

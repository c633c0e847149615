"""Climbing a smooth log density to a maximum, and saying whether one was reached."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from pymc.logprob.utils import ParameterValueError
from scipy.optimize import minimize

from latentfit.em.information import Curvature, curvature_of

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
Hessian = Callable[[np.ndarray], np.ndarray]

# Distances to a maximum are measured by the Newton decrement, which for a log-likelihood is in
# standard errors whatever the units of the data (Boyd & Vandenberghe 2004, section 9.5.1).
_REACHED = 1e-6
_EXACT = 1e-11
# So near to the maximum the curvature stays as it is: a step by the last one leaves a share of the
# distance that is of the order of the distance itself. Not where some direction is flat or a
# ridge: what is one can only be told at the point itself.
_NEAR = 1e-3
_FAR = -1e100
# More than rounding, as a share of the log density.
_HIGHER = 1e-9
# Of a logarithm whose density has levelled off: a factor of about 1e-9.
_OUTWARDS = 20.0


@dataclass(frozen=True)
class Maximum:
    """Where a climb ended.

    Attributes
    ----------
    point : ndarray, shape (size,)
        Unconstrained scale.
    value : float
        Of the log density there.
    decrement : float
        Newton decrement: the estimated distance to the maximum, in standard errors. NaN where
        the density is not curved downwards in every direction across which there is no ridge.
    problem : str
        Empty at a maximum; otherwise what the end point is instead.
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
    """BFGS in units of the curvature at the start, then Newton steps to rounding error.

    Parameters
    ----------
    objective : callable
        Point to value and gradient.
    hessian : callable
        Point to matrix of second derivatives.
    start : ndarray, shape (size,)
    bounded : ndarray of bool, shape (size,)
        `Space.bounded`: along which coordinates the maximum may lie at infinity.
    """
    objective = _guarded(objective)
    with np.errstate(all="ignore"):
        scale = _curvature_scale(hessian(start))
        # Near an edge there is no curvature, and a logarithm needs no larger unit than 1.
        scale = np.where(bounded, np.minimum(scale, 1.0), scale)

        def descent(steps: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = objective(start + scale * steps)
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                return -_FAR, np.zeros_like(steps)
            return -value, -scale * gradient

        found = minimize(
            descent, np.zeros_like(start), jac=True, method="BFGS", options={"gtol": 1e-5}
        )
        return polish(objective, hessian, start + scale * found.x, bounded)


def polish(
    objective: Objective, hessian: Hessian, point: np.ndarray, bounded: np.ndarray
) -> Maximum:
    """Newton's method from a point near a maximum, never downhill."""
    objective = _guarded(objective)
    with np.errstate(all="ignore"):
        value, gradient = objective(point)
        decrement, near = np.nan, False
        for _ in range(50):
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                return Maximum(point, value, np.nan, "the density is not finite there")
            try:
                if not near:
                    shape = curvature_of(hessian(point), gradient, bounded)
                step, decrement = shape.newton(gradient)
                near = decrement < _NEAR and bool(shape.curved.all())
            except np.linalg.LinAlgError:
                decrement = np.nan
            if np.isnan(decrement):
                return Maximum(point, value, np.nan, "not a maximum: a saddle or no end in sight")
            if decrement < _EXACT:
                break
            length = 1.0
            while length > 1e-3:
                new_value, new_gradient = objective(point + length * step)
                # Close to the top the rise drowns in rounding: the step is then taken on trust.
                if new_value >= value - 1e-12 * (1 + abs(value)):
                    break
                length /= 4
            else:
                break
            if decrement < _REACHED and np.linalg.norm(new_gradient) >= np.linalg.norm(gradient):
                break
            point, value, gradient = point + length * step, new_value, new_gradient
        rises = decrement < _REACHED and _rises(objective, point, value, shape)
    if rises:
        return Maximum(point, value, np.nan, "not a maximum: a saddle of higher order")
    problem = "" if decrement < _REACHED else f"no maximum within {decrement:.2g} standard errors"
    return Maximum(point, value, decrement, problem)


def outwards(
    objective: Objective, hessian: Hessian, maximum: Maximum, bounded: np.ndarray
) -> Maximum:
    """Go on from a maximum towards an end of the support at infinity, if it lies there.

    In directions that have levelled off the density neither rises nor falls by what can be told,
    and where a climb ended in them is chance.
    """
    if not maximum.reached:
        return maximum
    objective = _guarded(objective)
    point, value = maximum.point, maximum.value
    _, gradient = objective(point)
    shape = curvature_of(hessian(point), gradient, bounded)
    for direction in shape.vectors[:, shape.flat_towards_boundary].T:
        rise = direction @ gradient
        length = np.max(np.abs(direction))
        if rise == 0 or length == 0:
            continue
        moved = point + np.copysign(_OUTWARDS / length, rise) * direction
        height, slope = objective(moved)
        if height >= value and np.isfinite(slope).all():
            point, value = moved, height
    return replace(maximum, point=point, value=value)


def _rises(objective: Objective, point: np.ndarray, value: float, shape: Curvature) -> bool:
    """Whether the density rises along what by its curvature is a ridge."""
    heights = [
        objective(point + sign * direction)[0]
        for direction in shape.vectors[:, shape.unidentified].T
        for sign in (-1.0, 1.0)
    ]
    return any(height > value + _HIGHER * (1 + abs(value)) for height in heights)


def _guarded(objective: Objective) -> Objective:
    """A step may go so far that a scale underflows to zero, which PyMC refuses to evaluate."""

    def guarded(point: np.ndarray) -> tuple[float, np.ndarray]:
        try:
            return objective(point)
        except ParameterValueError:
            return -np.inf, np.full_like(point, np.nan)

    return guarded


def _curvature_scale(hessian: np.ndarray) -> np.ndarray:
    """A standard error's length along each coordinate, as far as the curvature tells."""
    curvature = np.abs(np.diag(hessian))
    usable = np.isfinite(curvature) & (curvature > 0)
    return np.where(usable, 1 / np.sqrt(np.where(usable, curvature, 1.0)), 1.0)

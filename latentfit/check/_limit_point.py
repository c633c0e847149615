"""``fixed_point.maximum``: the kind of point to which EM converges.

The limit of EM is a stationary point of the objective (Wu 1983, Annals of Statistics 11(1)), which
need not be a maximum: from a symmetric start EM cannot leave the saddle point at which all
components are equal. The limit point is classified by the gradient and the Hessian of the
declaration's own objective.
"""

import numpy as np

from latentfit import bayes
from latentfit.check import _limit_point_by_draws, _slow_convergence, _support, _unidentified
from latentfit.check._alternation import alternating
from latentfit.check._limit_point_outcomes import (
    CONVERGED_STANDARD_ERRORS,
    NOT_STATIONARY,
    contradicted,
    listed,
    maximum,
    noted,
    withheld,
)
from latentfit.check.examination import Examination
from latentfit.check.result import Outcome
from latentfit.em import Fit, Solution
from latentfit.em.information import Curvature, curvature_of
from latentfit.errors import LatentfitError

# Relative curvature, in units of the curvature of each coordinate, that is upwards for certain.
_UPWARDS_CURVATURE_RELATIVE = 1e-6
# Gradient in those units that is small enough for a saddle point.
_SADDLE_GRADIENT_RELATIVE = 1e-3


def examine(examination: Examination, fit: Fit, *, numerical: bool = False) -> Outcome:
    """Classify the limit point of the best of several runs.

    Parameters
    ----------
    examination : Examination
    fit : Fit
        Runs of the steps as handed in.
    numerical : bool
        Whether the M step may maximise Q numerically, because it was not found to be exact.
    """
    best = fit.best
    alternation = alternating(best, numerical=numerical)
    if alternation is not None:
        return alternation
    if best.stop.degenerate:
        return noted("degenerate", best.message)
    try:
        point = examination.density.space.locate(examination.to_model(best.params))
    except LatentfitError as error:
        return withheld(f"the model has no density at EM's limit point: {error}")
    if not examination.density.tractable:
        return _limit_point_by_draws.examine(examination, best, point)
    at_bound = _support.at_bound_of_data(examination, point) if best.converged else None
    return at_bound or _by_derivatives(examination, best, point)


def _by_derivatives(examination: Examination, best: Solution, point: np.ndarray) -> Outcome:
    space = examination.density.space
    natural = space.constrain(point)
    _, gradient = examination.objective_at(point)
    hessian = examination.density.hessian(point, prior=examination.with_prior)
    if not (np.isfinite(hessian).all() and np.isfinite(gradient).all()):
        return _without_derivatives(best, space.on_boundary(natural))
    shape = curvature_of(
        hessian, gradient, space.bounded, boundary_tolerance=CONVERGED_STANDARD_ERRORS
    )
    on_boundary = bayes.information.boundary_labels(space, natural, shape)
    outcome = None
    if best.converged:
        outcome = _unidentified.examine(examination, point, shape, gradient)
    if outcome is None:
        outcome = _classified(best, gradient, shape, on_boundary)
    if any(finding.name == NOT_STATIONARY for finding in outcome.findings):
        return _slow_convergence.examine(examination, best, shape, outcome)
    return outcome


def _without_derivatives(best: Solution, on_boundary: list[str]) -> Outcome:
    if not best.converged:
        return noted("not converged", f"EM did not converge: {best.message}")
    where = (
        f", which lies on the boundary of the parameter space ({listed(on_boundary)}),"
        if on_boundary
        else ","
    )
    return withheld(
        f"the gradient or the second derivatives of the objective are not finite at EM's limit "
        f"point{where} so that it is not known whether this is a maximum. Compare the "
        f"log-likelihoods that EM reaches from several starts"
    )


def _classified(
    best: Solution, gradient: np.ndarray, shape: Curvature, on_boundary: list[str]
) -> Outcome:
    curved = shape.curved
    curvatures, slopes = shape.values[curved], (shape.vectors.T @ gradient)[curved]
    steepest = float(np.max(np.abs(slopes), initial=0.0))
    # The eigenvalues are in increasing order. If every direction is flat, there is none.
    highest = float(curvatures[-1]) if curvatures.size else -1.0
    # EM that has not converged may be close to a saddle point only for some iterations.
    if not best.converged:
        return noted("not converged", f"EM did not converge: {best.message}")
    if highest > _UPWARDS_CURVATURE_RELATIVE and steepest <= _SADDLE_GRADIENT_RELATIVE:
        return contradicted(
            "saddle",
            f"EM converged to a saddle point: the gradient is zero, and the objective curves "
            f"upwards in one direction (relative curvature {highest:.2g}). Components that start "
            f"with equal values stay equal: start them with different values",
            {"curvature": highest, "gradient": steepest},
        )
    with np.errstate(all="ignore"):
        distance = float(np.linalg.norm(slopes / np.sqrt(np.abs(curvatures))))
    if not np.isfinite(distance):
        return withheld(
            "the objective has no curvature at EM's limit point in a direction in which its "
            "gradient is not zero, so that the distance to a maximum is not known"
        )
    if distance > CONVERGED_STANDARD_ERRORS:
        return contradicted(
            NOT_STATIONARY,
            f"EM converged to a point at which the gradient of the objective is not zero: a "
            f"Newton step from there is {distance:.2g} standard errors long",
            {"given": distance, "expected": 0.0},
        )
    if not highest < 0:
        return withheld(
            f"the gradient of the objective is zero at EM's limit point, but its curvature in one "
            f"direction, {highest:.1g}, cannot be distinguished from zero"
        )
    if on_boundary:
        verb = (
            "is at a bound of its range"
            if len(on_boundary) == 1
            else "are at bounds of their ranges"
        )
        return noted(
            "boundary",
            f"EM converged to a maximum on the boundary of the parameter space: "
            f"{listed(on_boundary)} {verb}. The usual standard errors are not valid there",
        )
    return maximum(
        f"EM converged to a maximum: a Newton step from there is {distance:.1g} standard errors "
        f"long"
    )

"""Standard errors on the natural scale from an information matrix on the free scale.

At a maximum the covariance matrix of the estimates in large samples is the inverse of the observed
information I. With G the derivatives of parameters on the natural scale with respect to free
coordinates, their covariance matrix is V = G I⁻¹ Gᵀ, by the delta method (van der Vaart 1998,
Asymptotic Statistics, theorem 3.1). It respects constraints of the parameters, because G does.

The inverse is taken along the directions in which the log-likelihood is curved
(`latentfit.em.information._curvature`). An entry that changes along an unidentified direction has
no standard error, nor has one at the boundary of the parameter space; standard errors of the other
entries are conditional on the value of an entry at the boundary. Where the log-likelihood curves
upwards in some direction the point is not a maximum, and there are no standard errors.
"""

import numpy as np

from latentfit.em.information._curvature import Curvature, curvature_of_information
from latentfit.em.information._entries import entry_labels, flat, named
from latentfit.em.information._free_scale import ParameterScale
from latentfit.em.information._missing_information import (
    complete_information_problem,
    missing_fractions,
)
from latentfit.em.information._standard_errors import StandardErrors
from latentfit.em.information.differences import Derivative, jacobian
from latentfit.em.layout import Params

# An entry does not change along a direction if its derivative along it is at most this share of
# the length of its gradient.
_UNCHANGED_RELATIVE = 1e-5
# Distance to the maximum, in standard errors, up to which params count as the maximum.
_MAXIMUM_REACHED_STANDARD_ERRORS = 0.01
# Relative error of standard errors above which it is reported.
_REPORTED_RELATIVE_ERROR = 1e-3

NOT_A_MAXIMUM = (
    "not a maximum: the log-likelihood does not curve downwards in every direction, as at a saddle "
    "point or far from a maximum"
)
_NOT_FINITE = (
    "a function is not finite close to these params; if a parameter is at a bound of its range, "
    "state its constraint in kinds"
)
_FLAT = "the log-likelihood is flat towards the boundary"
_CONDITIONAL = "the other standard errors are conditional on its value"


def errors_from_information(
    method: str,
    scale: ParameterScale,
    point: np.ndarray,
    information: Derivative,
    score: np.ndarray,
    complete: np.ndarray | None = None,
    notes: tuple[str, ...] = (),
) -> StandardErrors:
    """Compute standard errors on the natural scale from the information on the free scale.

    Parameters
    ----------
    method : str
        How the information was computed, a key of `METHODS`.
    scale : ParameterScale
    point : ndarray, shape (size,)
        The estimates, free scale.
    information : Derivative
        Observed information on the free scale, shape (size, size), and its error.
    score : ndarray, shape (size,)
        First derivatives of the log-likelihood, free scale.
    complete : ndarray, shape (size, size), optional
        Complete-data information, free scale, for fractions of missing information.
    notes : tuple of str
        Findings of the method, as sentences.
    """
    natural = scale.params(point)
    labels = entry_labels(natural)
    if not len(point):
        return _failed(method, natural, labels, "every parameter is at a bound of its range")
    whole = np.isfinite(information.value).all() and np.isfinite(information.error).all()
    if not (whole and np.isfinite(score).all()):
        return _failed(method, natural, labels, _NOT_FINITE)
    curvature = curvature_of_information(information, score, scale.bounded)
    if not curvature.concave:
        return _failed(method, natural, labels, NOT_A_MAXIMUM)

    slopes = jacobian(lambda where: flat(scale.params(where)), point, curvature.units).value
    directions = curvature.vectors[:, curvature.curved]
    curvatures = -curvature.values[curvature.curved]
    factor = slopes @ directions / np.sqrt(curvatures)
    covariance = factor @ factor.T
    reasons = _reasons_without(scale, natural, labels, slopes * curvature.units, curvature)
    usable = np.array([label not in reasons for label in labels])
    covariance[~usable] = covariance[:, ~usable] = np.nan
    errors = np.sqrt(np.diag(covariance))

    missing, rate = None, None
    if complete is not None:
        problem = complete_information_problem(complete, directions)
        if problem:
            return _failed(method, natural, labels, problem)
        fractions, rate = missing_fractions(complete, directions, curvatures, slopes, errors)
        missing = named(fractions, natural)
    problem = maximum_not_reached(curvature.decrement)
    if problem:
        problem += ". The standard errors, from the curvature at these params, depend on the scale"
    return StandardErrors(
        method,
        natural,
        named(errors, natural),
        labels,
        covariance,
        missing,
        curvature.decrement,
        curvature.precision,
        rate,
        reasons,
        problem,
        (*notes, *_imprecise(curvature.precision)),
    )


def maximum_not_reached(distance: float) -> str:
    """Return a sentence if params are not the maximum, and an empty string if they are.

    Parameters
    ----------
    distance : float
        To the maximum, in standard errors.
    """
    if not distance > _MAXIMUM_REACHED_STANDARD_ERRORS:
        return ""
    return f"not a maximum: the maximum is about {distance:.2g} standard errors from these params"


def _failed(method: str, natural: Params, labels: tuple[str, ...], problem: str) -> StandardErrors:
    unknown = np.full(len(labels), np.nan)
    return StandardErrors(
        method,
        natural,
        named(unknown, natural),
        labels,
        np.full((len(labels), len(labels)), np.nan),
        None,
        np.nan,
        np.nan,
        problem=f"no standard errors: {problem}",
    )


def _reasons_without(
    scale: ParameterScale,
    natural: Params,
    labels: tuple[str, ...],
    slopes: np.ndarray,
    curvature: Curvature,
) -> dict[str, str]:
    """Return the reasons why entries have no standard error, by label.

    Parameters
    ----------
    slopes : ndarray, shape (entries, size)
        Derivatives of the entries with respect to free coordinates in the curvature's units.
    """
    at_bound = f"at a bound of its range; {_CONDITIONAL}"
    found = dict.fromkeys(scale.on_boundary(natural), at_bound)
    length = np.linalg.norm(slopes, axis=1)
    for directions, reason in (
        (curvature.flat_towards_boundary, f"{_FLAT}; {_CONDITIONAL}"),
        (curvature.unidentified, "not identified"),
    ):
        basis = curvature.vectors[:, directions] / curvature.units[:, None]
        changes = np.linalg.norm(slopes @ basis, axis=1) > _UNCHANGED_RELATIVE * length
        for position in np.flatnonzero(changes):
            found.setdefault(labels[position], reason)
    return found


def _imprecise(precision: float) -> list[str]:
    if precision <= _REPORTED_RELATIVE_ERROR:
        return []
    return [f"numerical differentiation leaves standard errors a relative error of {precision:.1g}"]

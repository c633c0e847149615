"""Standard errors in large samples from an exact Hessian, as plain arrays."""

import numpy as np

from latentfit.bayes.delta_method import jacobian, unchanged_along
from latentfit.bayes.information._boundary import boundary_labels
from latentfit.bayes.maxima import identification
from latentfit.bayes.views import Density
from latentfit.declaration import Params, Space, labels
from latentfit.em.information import curvature_of


def asymptotic_errors(density: Density, point: np.ndarray, *, prior: bool = False) -> Params:
    """Compute standard errors at a maximum of the likelihood, natural scale.

    The observed information is minus the Hessian of log p(x | θ) on the unconstrained scale, and
    the delta method takes its inverse to the natural scale (Efron & Hinkley 1978, Biometrika 65(3),
    equation 1.1; van der Vaart 1998, theorem 3.1).

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        The maximum, unconstrained.
    prior : bool
        Whether to use log p(x | θ) + log p(θ) instead: a Laplace approximation of posterior
        standard deviations.

    Returns
    -------
    dict
        One array for each parameter and deterministic. NaN where the point is not a maximum, for
        entries that are not identified, and for entries at a bound of their range, such as
        probabilities of 0 or 1 and variances of 0, which have no standard error; the standard
        errors of the other entries are conditional on their values.
    """
    objective = density.log_posterior if prior else density.log_likelihood
    _, gradient = objective(point)
    hessian = density.hessian(point, prior=prior)
    errors = delta_method_errors(density.space, point, hessian, gradient)
    if prior:
        return errors
    identified = identification(density, point).identified
    return {name: np.where(identified[name], value, np.nan) for name, value in errors.items()}


def delta_method_errors(
    space: Space, point: np.ndarray, hessian: np.ndarray, gradient: np.ndarray
) -> Params:
    """Compute standard errors from the curvature of a log density, natural scale.

    Parameters
    ----------
    space : Space
    point : ndarray, shape (size,)
        The maximum of the log density, unconstrained.
    hessian : ndarray, shape (size, size)
        Second derivatives of the log density there.
    gradient : ndarray, shape (size,)
        First derivatives.

    Returns
    -------
    dict
        As returned by `asymptotic_errors`; entries are not identified if they change along a
        direction in which the curvature is zero.
    """
    errors = {name: np.full(shape, np.nan) for name, shape in space.shapes.items()}
    try:
        curvature = curvature_of(hessian, gradient, space.bounded)
        covariance = curvature.covariance()
    except np.linalg.LinAlgError:
        covariance = None
    if covariance is None:
        return errors
    # The covariance is zero along directions that are not curved, where any unit is as good.
    units = np.maximum(np.sqrt(np.diag(covariance)), curvature.units)
    slopes = jacobian(space, point, units)
    scaled = covariance / np.outer(units, units)
    unidentified = curvature.vectors[:, curvature.unidentified] / curvature.units[:, None]
    at_bound = set(boundary_labels(space, space.constrain(point), curvature))
    for name, shape in space.shapes.items():
        variances = np.einsum("ij,ik,kj->j", slopes[name], scaled, slopes[name])
        in_curvature_units = slopes[name] * (curvature.units / units)[:, None]
        identified = unchanged_along(in_curvature_units, unidentified)
        usable = [
            known and label not in at_bound
            for known, label in zip(identified, labels(name, shape), strict=True)
        ]
        known_variances = np.where(usable & (variances >= 0), variances, np.nan)
        errors[name] = np.sqrt(known_variances).reshape(shape)
    return errors

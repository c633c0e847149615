"""Standard errors from the observed information."""

import numpy as np

from latentfit.bayes._boundary import boundary
from latentfit.bayes._delta import jacobian, unmoved
from latentfit.bayes._newton import curvature_of
from latentfit.bayes.maxima import identification
from latentfit.bayes.views import Density
from latentfit.declaration import Params, Space, labels


def standard_errors(density: Density, point: np.ndarray, *, prior: bool = False) -> Params:
    """Asymptotic standard errors at a maximum of the likelihood, natural scale.

    The observed information is minus the Hessian of log p(x | θ) on the unconstrained scale,
    and the delta method carries its inverse to the natural scale (Efron & Hinkley 1978,
    Biometrika 65(3), eq. 1.1; van der Vaart 1998, theorem 3.1).

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        Where the likelihood is maximal.
    prior : bool
        Take log p(x | θ) + log p(θ) instead: a Laplace approximation to the posterior sd.

    Returns
    -------
    dict
        One array for each parameter and deterministic. NaN where the point is no maximum, for
        what is not identified, and for what is at an end of its range, such as probabilities of
        0 or 1 and variances of 0, for no standard error exists there; those of the others are
        given these.
    """
    objective = density.log_posterior if prior else density.log_likelihood
    _, gradient = objective(point)
    errors = natural_errors(density.space, point, density.hessian(point, prior=prior), gradient)
    if prior:
        return errors
    known = identification(density, point).identified
    return {name: np.where(known[name], value, np.nan) for name, value in errors.items()}


def natural_errors(
    space: Space, point: np.ndarray, hessian: np.ndarray, gradient: np.ndarray
) -> Params:
    """The same for any log density with this Hessian, (size, size), and gradient at `point`."""
    errors = {name: np.full(shape, np.nan) for name, shape in space.shapes.items()}
    try:
        shape = curvature_of(hessian, gradient, space.bounded)
        covariance = shape.covariance()
    except np.linalg.LinAlgError:
        covariance = None
    if covariance is None:
        return errors
    # Where nothing is free to vary, a difference is as good over any other step.
    units = np.maximum(np.sqrt(np.diag(covariance)), shape.scale)
    slopes = jacobian(space, point, units)
    scaled = covariance / np.outer(units, units)
    ridge = shape.vectors[:, shape.ridge] / shape.scale[:, None]
    natural = space.constrain(point)
    edge = set(boundary(space, natural, shape))
    for name, dims in space.shapes.items():
        variances = np.einsum("ij,ik,kj->j", slopes[name], scaled, slopes[name])
        known = unmoved(slopes[name] * (shape.scale / units)[:, None], ridge)
        usable = [
            still and label not in edge
            for still, label in zip(known, labels(name, dims), strict=True)
        ]
        errors[name] = np.sqrt(np.where(usable & (variances >= 0), variances, np.nan)).reshape(dims)
    return errors

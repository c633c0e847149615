"""Standard errors from the observed information."""

import numpy as np

from latentfit.bayes._density import Density
from latentfit.bayes._newton import curvature_of
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
        One array for each parameter and deterministic. NaN where the information is not
        positive definite, and for probabilities at 0 or 1, for no standard error exists there;
        those of the others are given these.
    """
    objective = density.log_posterior if prior else density.log_likelihood
    _, gradient = objective(point)
    return natural_errors(density.space, point, density.hessian(point, prior=prior), gradient)


def natural_errors(
    space: Space, point: np.ndarray, hessian: np.ndarray, gradient: np.ndarray
) -> Params:
    """The same for any log density with this Hessian, (size, size), and gradient at `point`."""
    errors = {name: np.full(shape, np.nan) for name, shape in space.shapes.items()}
    try:
        covariance = curvature_of(hessian, gradient, space.edged).covariance()
    except np.linalg.LinAlgError:
        covariance = None
    if covariance is None:
        return errors
    # Where nothing is free to vary, a difference is as good over any other step.
    steps = np.sqrt(np.maximum(np.diag(covariance), np.finfo(float).tiny)) * 1e-4
    slopes = [_slope(space, point, axis, step) for axis, step in enumerate(steps)]
    natural = space.constrain(point)
    edge = set(space.at_edge(natural))
    for name, shape in space.shapes.items():
        jacobian = np.array([slope[name].ravel() for slope in slopes])
        variances = np.einsum("ij,ik,kj->j", jacobian, covariance, jacobian)
        at_edge = [label in edge for label in labels(name, shape)]
        errors[name] = np.where(at_edge, np.nan, np.sqrt(variances)).reshape(shape)
    return errors


def _slope(space: Space, point: np.ndarray, axis: int, step: float) -> Params:
    """Derivative of the natural values along one coordinate, by fourth-order differences."""
    ends = []
    for length in (-2, -1, 1, 2):
        moved = point.copy()
        moved[axis] += length * step
        ends.append(space.constrain(moved))
    far, near, across, beyond = ends
    return {
        name: (far[name] - 8 * near[name] + 8 * across[name] - beyond[name]) / (12 * step)
        for name in space.shapes
    }

"""Standard errors from the observed information."""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from latentfit.bayes._density import Density
from latentfit.declaration import Params, Space


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
        positive definite, for no standard error exists there.
    """
    return natural_errors(density.space, point, density.hessian(point, prior=prior))


def natural_errors(space: Space, point: np.ndarray, hessian: np.ndarray) -> Params:
    """The same for any log density with this Hessian, shape (size, size), at `point`."""
    try:
        covariance = cho_solve(cho_factor(-hessian), np.eye(space.size))
    except (LinAlgError, ValueError):
        return {name: np.full(shape, np.nan) for name, shape in space.shapes.items()}
    steps = np.sqrt(np.diag(covariance)) * 1e-4
    slopes = [_slope(space, point, axis, step) for axis, step in enumerate(steps)]
    errors = {}
    for name, shape in space.shapes.items():
        jacobian = np.array([slope[name].ravel() for slope in slopes])
        variances = np.einsum("ij,ik,kj->j", jacobian, covariance, jacobian)
        errors[name] = np.sqrt(variances).reshape(shape)
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

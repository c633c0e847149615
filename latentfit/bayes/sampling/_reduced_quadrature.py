"""An observed view with only as many quadrature nodes as draws from the posterior need.

The time of NUTS is proportional to the number of nodes, and NUTS evaluates log p(x | θ) some ten
thousand times. Let δ(θ) be the error of log p(x | θ) with fewer nodes. The posterior is then
multiplied by exp(δ - E δ), which changes the mean of a function f by about

    Cov(f, δ) <= sd(f) sd(δ)

under the posterior. With sd(δ) = 1e-3 the change is at most a thousandth of a posterior standard
deviation, which is less than the Monte Carlo error of any usual number of draws. A constant error
has no effect. The variation of δ is measured along the principal axes of the normal approximation
to the posterior at its mode, three standard deviations to either side.
"""

from dataclasses import dataclass

import numpy as np
import pymc as pm

from latentfit.bayes.marginalize import coarse_rule, quadrature_rule
from latentfit.bayes.views import Density, observed_view, quadrature_ops
from latentfit.declaration import Declaration
from latentfit.em.information import curvature_of

# Range of the error of log p(x | θ), absolute, that draws do not show.
_MAX_ERROR_RANGE = 1e-3
# Distance from the mode of the points at which errors are measured, in standard deviations.
_DISTANCE_STANDARD_DEVIATIONS = 3.0
# Numbers of Gauss-Hermite nodes in one dimension that are tried. Even the largest is compiled to
# machine code many times faster than the panels of the observed view.
_NODES = (7, 15, 30, 61, 122)


@dataclass(frozen=True)
class ReducedQuadrature:
    """An observed view with fewer quadrature nodes, for NUTS to draw from.

    Attributes
    ----------
    view : pm.Model
    nodes : int
        Number of nodes of each integral.
    error : float
        Range of the error of log p(x | θ) over the points at which it was measured.
    """

    view: pm.Model
    nodes: int
    error: float

    def __str__(self) -> str:
        """Describe the number of nodes and the error in one phrase."""
        return (
            f"NUTS draws with {self.nodes} nodes (error of log p(x | θ) constant "
            f"to {self.error:.1g})"
        )


def reduced_quadrature(
    declaration: Declaration, density: Density, mode: np.ndarray
) -> ReducedQuadrature | None:
    """Find the smallest number of nodes that leaves the posterior unchanged.

    Parameters
    ----------
    declaration : Declaration
    density : Density
        The density of the observed view of `declaration`.
    mode : ndarray, shape (size,)
        The posterior mode, unconstrained.

    Returns
    -------
    ReducedQuadrature or None
        None if no latent is marginalised by quadrature, if fewer nodes are not enough, or if the
        posterior has no normal approximation at `mode`.
    """
    numerical = quadrature_ops(density.view)
    if not numerical:
        return None
    points = _points_around_mode(density, mode)
    if points is None:
        return None
    exact = np.array([density.objective(point) for point in points])
    for nodes in _NODES:
        with quadrature_rule(coarse_rule(nodes)):
            view = observed_view(declaration)
        reduced = Density(view, density.space)
        with np.errstate(invalid="ignore"):
            errors = np.array([reduced.objective(point) for point in points]) - exact
        error = float(np.ptp(errors))
        if error <= _MAX_ERROR_RANGE:
            count = max(op.count for op in quadrature_ops(view))
            return ReducedQuadrature(view, count, error)
    return None


def _points_around_mode(density: Density, mode: np.ndarray) -> np.ndarray | None:
    """Place points at the mode and along the principal axes of the normal approximation.

    Returns
    -------
    ndarray, shape (1 + 2 size, size), or None
        None if the log posterior density has no normal approximation at `mode`.
    """
    _, gradient = density.log_posterior(mode)
    try:
        shape = curvature_of(density.hessian(mode, prior=True), gradient, density.space.bounded)
        covariance = shape.covariance()
    except np.linalg.LinAlgError:
        return None
    if covariance is None:
        return None
    variances, axes = np.linalg.eigh(covariance)
    steps = _DISTANCE_STANDARD_DEVIATIONS * (axes * np.sqrt(np.maximum(variances, 0.0))).T
    return np.concatenate([mode[None], mode + steps, mode - steps])

"""The observed view with no more nodes of quadrature than draws from the posterior need.

What takes NUTS its time grows with the nodes, and NUTS asks for log p(x | θ) some ten thousand
times. Let δ(θ) be the error that fewer nodes make in it. The posterior is then multiplied by
exp(δ - E δ), which moves the mean of any function f by about

    Cov(f, δ) <= sd(f) sd(δ)

under the posterior: with sd(δ) = 1e-3, a thousandth of a posterior standard deviation, which as
many draws as anybody takes do not show. A constant error does nothing at all. How δ varies is
looked at along the principal axes of the normal distribution that the posterior resembles at its
mode, three standard deviations to either side.
"""

from dataclasses import dataclass

import numpy as np
import pymc as pm

from latentfit.bayes._density import Density
from latentfit.bayes._integration import quadratures
from latentfit.bayes._observed import observed_view
from latentfit.bayes.marginalize import nodes
from latentfit.declaration import Declaration
from latentfit.em.information import curvature_of

_ENOUGH = 1e-3
_AWAY = 3.0
# Shares of the nodes that are tried, fewest first.
_SHARES = (8, 4, 2)


@dataclass(frozen=True)
class Coarser:
    """An observed view to draw from.

    Attributes
    ----------
    view : pm.Model
    nodes : int
        Of each integral.
    error : float
        The most by which the error of log p(x | θ) was seen to vary with θ.
    """

    view: pm.Model
    nodes: int
    error: float

    def __str__(self) -> str:
        return f"draws with {self.nodes} nodes (to {self.error:.1g}, but for a constant)"


def coarser(declaration: Declaration, density: Density, mode: np.ndarray) -> Coarser | None:
    """Take as few nodes as leave the posterior as it is.

    Parameters
    ----------
    declaration : Declaration
    density : Density
        Of its observed view.
    mode : ndarray, shape (size,)
        Unconstrained θ at which the posterior is highest.

    Returns
    -------
    Coarser or None
        None where no latent is integrated by quadrature, fewer nodes do not suffice, or the
        posterior has no normal distribution about its mode.
    """
    numerical = quadratures(density.view)
    if not numerical:
        return None
    points = _about(density, mode)
    if points is None:
        return None
    exact = np.array([density.objective(point) for point in points])
    most = max(op.nodes for op in numerical)
    for share in _SHARES:
        with nodes(most // share):
            view = observed_view(declaration)
        fewer = Density(view, density.space)
        with np.errstate(invalid="ignore"):
            errors = np.array([fewer.objective(point) for point in points]) - exact
        error = float(np.ptp(errors))
        if error <= _ENOUGH:
            return Coarser(view, max(op.count for op in quadratures(view)), error)
    return None


def _about(density: Density, mode: np.ndarray) -> np.ndarray | None:
    """The mode, and points about it along the axes of the normal distribution there."""
    _, slope = density.log_posterior(mode)
    try:
        shape = curvature_of(density.hessian(mode, prior=True), slope, density.space.bounded)
        covariance = shape.covariance()
    except np.linalg.LinAlgError:
        return None
    if covariance is None:
        return None
    variances, axes = np.linalg.eigh(covariance)
    steps = _AWAY * (axes * np.sqrt(np.maximum(variances, 0.0))).T
    return np.concatenate([mode[None], mode + steps, mode - steps])

"""The curvature of a log density near a maximum, direction by direction.

The Hessian is decomposed into eigenvectors, in units of each coordinate in which its diagonal is
-1. Along most eigenvectors a log density curves downwards at a maximum. Two kinds of directions do
not say whether a point is a maximum, and are set aside:

- Directions that are *flat towards the boundary*. The maximum likelihood estimate of a variance or
  a probability can be zero. The log density as a function of its logarithm t then has no maximum,
  but approaches a limit like exp(t) as t tends to minus infinity: value, slope and curvature are
  constant to within a tolerance in nats, along coordinates that are logarithms.
- *Unidentified* directions, along which the log density is constant because the parameters that
  change along them are not identified (Rothenberg 1971, Econometrica 39(3), theorem 1). Their
  curvature is zero relative to that of the other directions.

A point is a maximum if the log density curves downwards along all other directions and its slope
along them is zero. The distance to a maximum is measured by the Newton decrement, in standard
errors (Boyd & Vandenberghe 2004, Convex Optimization, section 9.5.1).
"""

from dataclasses import dataclass, replace

import numpy as np

from latentfit.em.information.differences import Derivative

# Curvature and slope, in nats per unit of a logarithm, at which the log density counts as constant
# towards the boundary: what it can still gain there.
_BOUNDARY_NATS = 1e-7
# Least share of a direction's squared length in bounded coordinates for it to lead to the boundary.
_BOUNDED_SHARE_OF_DIRECTION = 0.99
# Least share of a coordinate's squared length in such directions for it to be at the boundary.
_BOUNDARY_SHARE_OF_COORDINATE = 0.5
# Curvature and slope of an unidentified direction, in units in which the curvature along the
# coordinates is 1: rounding error, provided that the slope in the other directions is zero. Where
# that slope is g, an unidentified direction which is a curve rather than a straight line shows
# curvature of order g and slope of order g². Both tolerances grow accordingly, up to a limit on g.
_UNIDENTIFIED_CURVATURE = 1e-9
_UNIDENTIFIED_SLOPE_LIMIT = 1e-3


@dataclass(frozen=True)
class Curvature:
    """The Hessian of a log density at a point, decomposed into directions.

    Attributes
    ----------
    values : ndarray, shape (size,)
        Eigenvalues of the Hessian in the units of the coordinates; negative where the log density
        curves downwards. `curvature_of` returns them in increasing order.
    vectors : ndarray, shape (size, size)
        The eigenvectors, one a column, as displacements of the coordinates: along one of them the
        log density has the second derivative in `values`.
    units : ndarray, shape (size,)
        Unit of each coordinate: the length over which the curvature along it is 1, and at most 1
        for bounded coordinates.
    flat_towards_boundary : ndarray of bool, shape (size,)
        Directions that lead to the boundary of the parameter space, along which the log density is
        constant to within a tolerance.
    unidentified : ndarray of bool, shape (size,)
        Directions along which the log density is constant.
    slopes : ndarray, shape (size,)
        First derivatives of the log density along the eigenvectors.
    error : float
        Spectral norm of the estimated error of the Hessian, in the units of the coordinates; 0 if
        the Hessian is exact.
    """

    values: np.ndarray
    vectors: np.ndarray
    units: np.ndarray
    flat_towards_boundary: np.ndarray
    unidentified: np.ndarray
    slopes: np.ndarray
    error: float

    @property
    def curved(self) -> np.ndarray:
        """Directions that are neither flat towards the boundary nor unidentified, bool, (size,)."""
        curved: np.ndarray = ~(self.flat_towards_boundary | self.unidentified)
        return curved

    @property
    def concave(self) -> bool:
        """Whether the log density curves downwards along every curved direction."""
        return bool(np.all(self.values[self.curved] < 0))

    @property
    def boundary_coordinates(self) -> np.ndarray:
        """Coordinates of parameters at the boundary, bool, shape (size,).

        They lie mostly in directions that are flat towards the boundary.
        """
        directions = self.vectors[:, self.flat_towards_boundary] / self.units[:, None]
        mostly: np.ndarray = np.sum(directions**2, axis=1) > _BOUNDARY_SHARE_OF_COORDINATE
        return mostly

    @property
    def decrement(self) -> float:
        """Newton decrement at the point: the distance to the maximum, in standard errors."""
        curved = self.curved
        with np.errstate(all="ignore"):
            return _decrement(self.slopes[curved], -self.values[curved])

    @property
    def precision(self) -> float:
        """Relative error of standard errors that the error of the Hessian may cause."""
        least = float(np.min(np.abs(self.values[self.curved]), initial=np.inf))
        return self.error / least / 2

    def newton(self, gradient: np.ndarray) -> tuple[np.ndarray, float]:
        """Return Newton's step along the curved directions, shape (size,), and its decrement.

        Both are NaN where the log density does not curve downwards along all of them.

        Parameters
        ----------
        gradient : ndarray, shape (size,)
            First derivatives of the log density.
        """
        curved = self.curved
        if not self.concave:
            return np.full_like(gradient, np.nan), float("nan")
        slopes = self.vectors[:, curved].T @ gradient
        step: np.ndarray = self.vectors[:, curved] @ (slopes / -self.values[curved])
        return step, _decrement(slopes, -self.values[curved])

    def covariance(self) -> np.ndarray | None:
        """Return the inverse of minus the Hessian along the curved directions, (size, size).

        None where the log density does not curve downwards along all of them.
        """
        curved = self.curved
        if not self.concave:
            return None
        directions = self.vectors[:, curved]
        inverse: np.ndarray = (directions / -self.values[curved]) @ directions.T
        return inverse


def curvature_of(
    hessian: np.ndarray,
    gradient: np.ndarray,
    bounded: np.ndarray,
    *,
    boundary_tolerance: float = _BOUNDARY_NATS,
) -> Curvature:
    """Decompose an exact Hessian of a log density.

    Parameters
    ----------
    hessian : ndarray, shape (size, size)
    gradient : ndarray, shape (size,)
    bounded : ndarray of bool, shape (size,)
        Coordinates along which a bound of a parameter lies at infinity, such as the
        logarithms of variances.
    boundary_tolerance : float
        What the log density may still gain, in nats, along a direction that is flat towards the
        boundary.
        Where the log density of a positive parameter falls with slope s at zero, the parameter is
        exponentially distributed with standard deviation 1 / s near zero; what can be gained is
        then its distance from zero in that unit.

    Raises
    ------
    LinAlgError
        The Hessian is not finite.
    """
    found = _decompose(
        hessian,
        gradient,
        bounded,
        boundary_candidates=bounded,
        boundary_tolerance=boundary_tolerance,
        slope_limit=np.inf,
        error=None,
    )
    # The units up to rounding error. Callers take finite differences in these units, whose last
    # digits depend on it.
    return replace(found, units=np.linalg.norm(found.vectors, axis=1))


def curvature_of_information(
    information: Derivative, score: np.ndarray, bounded: np.ndarray
) -> Curvature:
    """Decompose an information matrix that was computed by finite differences.

    Curvature within the error of the matrix counts as zero. The eigenvalues of the result are in
    decreasing order.

    Parameters
    ----------
    information : Derivative
        Minus the Hessian of a log density, shape (size, size), and its error.
    score : ndarray, shape (size,)
        First derivatives of the log density.
    bounded : ndarray of bool, shape (size,)
        As in `curvature_of`.

    Raises
    ------
    LinAlgError
        The matrix is not finite.
    """
    diagonal = np.abs(np.diag(information.value))
    # In a direction that is flat towards the boundary, the curvature along each single coordinate
    # vanishes. Where logarithms are curved one by one and their combination is flat, the direction
    # is unidentified instead.
    flat = bounded & (diagonal <= _BOUNDARY_NATS + np.diag(information.error))
    found = _decompose(
        information.value,
        score,
        bounded,
        boundary_candidates=flat,
        boundary_tolerance=_BOUNDARY_NATS,
        slope_limit=_UNIDENTIFIED_SLOPE_LIMIT,
        error=information.error,
    )
    return replace(found, values=-found.values)


def _decompose(
    matrix: np.ndarray,
    gradient: np.ndarray,
    bounded: np.ndarray,
    *,
    boundary_candidates: np.ndarray,
    boundary_tolerance: float,
    slope_limit: float,
    error: np.ndarray | None,
) -> Curvature:
    """Find eigenvectors of a scaled symmetric matrix, and which of them are curved.

    The result has the eigenvalues of the matrix that is given, whatever its sign.

    Parameters
    ----------
    matrix : ndarray, shape (size, size)
        A Hessian or an information matrix: signs of curvatures do not matter here.
    gradient : ndarray, shape (size,)
    bounded : ndarray of bool, shape (size,)
    boundary_candidates : ndarray of bool, shape (size,)
        Coordinates of which a direction that is flat towards the boundary may consist.
    boundary_tolerance : float
        In nats.
    slope_limit : float
        Limit on the slope across an unidentified direction in the tolerance for the slope along it.
        An exact Hessian is also decomposed far from a maximum, where no such limit is used.
    error : ndarray, shape (size, size), optional
        Estimated error of the matrix; none if it is exact.
    """
    if not np.isfinite(matrix).all():
        raise np.linalg.LinAlgError("the Hessian is not finite")
    diagonal = np.abs(np.diag(matrix))
    # A curvature below its own error is not known to be different from zero.
    known = diagonal > (0.0 if error is None else np.diag(error))
    width = 1 / np.sqrt(np.where(known & (diagonal > 0), diagonal, 1.0))
    units = np.where(bounded, np.minimum(width, 1.0), width)
    scale = np.outer(units, units)
    values, vectors = np.linalg.eigh(matrix * scale)
    error_norm = 0.0 if error is None else float(np.linalg.norm(error * scale, 2))
    slopes = vectors.T @ (gradient * units)

    bounded_share = np.sum(vectors[boundary_candidates] ** 2, axis=0)
    directions = vectors * units[:, None]
    length = np.linalg.norm(directions, axis=0)
    flat_towards_boundary = (
        (bounded_share >= _BOUNDED_SHARE_OF_DIRECTION)
        & (np.abs(values) <= boundary_tolerance * length**2 + error_norm)
        & (np.abs(slopes) <= boundary_tolerance * length)
    )

    slope = float(np.linalg.norm(slopes[~flat_towards_boundary]))
    allowance = min(slope, _UNIDENTIFIED_SLOPE_LIMIT)
    rounding = _UNIDENTIFIED_CURVATURE + error_norm
    unidentified = (
        ~flat_towards_boundary
        & (np.abs(values) <= rounding + allowance)
        & (np.abs(slopes) <= rounding + allowance * min(slope, slope_limit))
    )
    return Curvature(
        values, directions, units, flat_towards_boundary, unidentified, slopes, error_norm
    )


def _decrement(slopes: np.ndarray, curvatures: np.ndarray) -> float:
    """Return the Newton decrement for slopes along eigenvectors and positive curvatures."""
    return float(np.sqrt(np.sum(slopes**2 / curvatures)))

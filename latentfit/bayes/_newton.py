"""Newton's method where a maximum may lie at infinity.

The maximum likelihood estimate of a probability can be zero, and its logarithm has no maximum: the
log density levels off, exp(-t) as t goes on. Such directions are told from the others by being
flat in the units of the log density itself, among the coordinates that are logarithms of
something. Along them there is nothing to gain, and in all others everything is as usual.

A ridge is flat in units of the curvature about it: what changes along it is not identified. A point
on a ridge is a maximum if it is one in all other directions.
"""

from dataclasses import dataclass

import numpy as np

# What is still to be gained in a direction that levels off, in units of the log density.
_FLAT = 1e-7
# Share of a coordinate that lies along such directions.
_MOST = 0.5
# Share of a flat direction that lies along logarithms; another one is a ridge.
_AMONG = 0.99
# Curvature and slope along a ridge, both at most rounding where the slope across it is zero. A
# slope g across a ridge that bends adds in the order of g to the one and of g² to the other: by
# as much they may be larger, as long as g is small itself.
_LEVEL = 1e-9
_NEAR = 1e-3


@dataclass(frozen=True)
class Curvature:
    """The shape of a log density about a point.

    Attributes
    ----------
    values : ndarray, shape (size,)
        Eigenvalues of the scaled Hessian, in increasing order.
    vectors : ndarray, shape (size, size)
        Directions, one a column, on the scale of the coordinates.
    flat : ndarray of bool, shape (size,)
        Those along which the density has levelled off.
    ridge : ndarray of bool, shape (size,)
        Those along which it is the same.
    """

    values: np.ndarray
    vectors: np.ndarray
    flat: np.ndarray
    ridge: np.ndarray

    @property
    def bent(self) -> np.ndarray:
        """Those along which it is neither."""
        return ~(self.flat | self.ridge)

    @property
    def scale(self) -> np.ndarray:
        """The unit of each coordinate in which `values` are."""
        length: np.ndarray = np.linalg.norm(self.vectors, axis=1)
        return length

    @property
    def downwards(self) -> bool:
        """Whether it curves downwards in every direction that is bent."""
        return bool(np.all(self.values[self.bent] < 0))

    @property
    def levelled(self) -> np.ndarray:
        """Coordinates, (size,), that lie along directions in which it has levelled off."""
        directions = self.vectors[:, self.flat] / self.scale[:, None]
        most: np.ndarray = np.sum(directions**2, axis=1) > _MOST
        return most

    def newton(self, gradient: np.ndarray) -> tuple[np.ndarray, float]:
        """Newton's step and decrement, in the directions that are bent.

        The decrement is the distance to the maximum of the parabola through the point, in
        standard errors (Boyd & Vandenberghe 2004, section 9.5.1). NaN where there is none.
        """
        bent = self.bent
        if not self.downwards:
            return np.full_like(gradient, np.nan), float("nan")
        slopes = self.vectors[:, bent].T @ gradient
        step: np.ndarray = self.vectors[:, bent] @ (slopes / -self.values[bent])
        return step, float(np.sqrt(np.sum(slopes**2 / -self.values[bent])))

    def covariance(self) -> np.ndarray | None:
        """Inverse of minus the Hessian, in the directions that are bent; None if improper."""
        bent = self.bent
        if not self.downwards:
            return None
        inverse: np.ndarray = (self.vectors[:, bent] / -self.values[bent]) @ self.vectors[:, bent].T
        return inverse


def curvature_of(
    hessian: np.ndarray, gradient: np.ndarray, bounded: np.ndarray, level: float = _FLAT
) -> Curvature:
    """Take a Hessian apart.

    Parameters
    ----------
    hessian : ndarray, shape (size, size)
    gradient : ndarray, shape (size,)
    bounded : ndarray of bool, shape (size,)
        `Space.bounded`.
    level : float
        What may still be gained, in units of the log density, in a direction that counts as
        levelled off. Near its zero a parameter whose log density falls with slope s is
        exponential rather than normal, with standard deviation 1 / s; what is to be gained is
        its distance from zero in that unit.

    Raises
    ------
    LinAlgError
        It is not finite.
    """
    if not np.isfinite(hessian).all():
        raise np.linalg.LinAlgError("the Hessian is not finite")
    diagonal = np.abs(np.diag(hessian))
    width = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scale = np.where(bounded, np.minimum(width, 1.0), width)
    values, vectors = np.linalg.eigh(hessian * np.outer(scale, scale))
    among = np.sum(vectors[bounded] ** 2, axis=0) >= _AMONG
    directions = vectors * scale[:, None]
    length = np.linalg.norm(directions, axis=0)
    slopes = directions.T @ gradient
    gained = np.abs(slopes) <= level * length
    flat = (np.abs(values) <= level * length**2) & among & gained
    slope = float(np.linalg.norm(slopes[~flat]))
    slack = min(slope, _NEAR)
    same = (np.abs(values) <= _LEVEL + slack) & (np.abs(slopes) <= _LEVEL + slack * slope)
    return Curvature(values, directions, flat, same & ~flat)

"""Derivatives of natural values with respect to unconstrained coordinates, for the delta method.

If the coordinates have covariance matrix V, parameters on the natural scale have G V Gᵀ in large
samples, with G their derivatives (van der Vaart 1998, Asymptotic Statistics, theorem 3.1).
"""

import numpy as np

from latentfit.declaration import Params, Space

# Step of the differences, as a share of the unit of a coordinate.
_STEP_UNITS = 1e-4
# A quantity does not change along a direction if its derivative along it is at most this share of
# the length of its gradient.
_UNCHANGED_RELATIVE = 1e-5


def jacobian(space: Space, point: np.ndarray, units: np.ndarray) -> Params:
    """Differentiate parameters and deterministics by fourth-order central differences.

    Parameters
    ----------
    space : Space
    point : ndarray, shape (size,)
        Unconstrained coordinates.
    units : ndarray, shape (size,)
        A unit of each coordinate; steps are a ten-thousandth of it.

    Returns
    -------
    dict
        For each name the derivatives of its entries per unit, shape (size, entries).
    """
    slopes = [_slope(space, point, axis, step) for axis, step in enumerate(_STEP_UNITS * units)]
    return {
        name: np.array([slope[name].ravel() for slope in slopes]) * (1 / _STEP_UNITS)
        for name in space.shapes
    }


def unchanged_along(slopes: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Find quantities that do not change along any of some directions.

    Parameters
    ----------
    slopes : ndarray, shape (size, entries)
        Derivatives of the quantities.
    basis : ndarray, shape (size, directions)
        Orthonormal directions, in the same units.

    Returns
    -------
    ndarray of bool, shape (entries,)
    """
    along = np.linalg.norm(basis.T @ slopes, axis=0)
    unchanged: np.ndarray = along <= _UNCHANGED_RELATIVE * np.linalg.norm(slopes, axis=0)
    return unchanged


def _slope(space: Space, point: np.ndarray, axis: int, step: float) -> Params:
    """Differentiate natural values with respect to one coordinate; derivatives are per step."""
    values = []
    for steps in (-2, -1, 1, 2):
        moved = point.copy()
        moved[axis] += steps * step
        values.append(space.constrain(moved))
    minus_two, minus_one, plus_one, plus_two = values
    return {
        name: (minus_two[name] - 8 * minus_one[name] + 8 * plus_one[name] - plus_two[name]) / 12
        for name in space.shapes
    }

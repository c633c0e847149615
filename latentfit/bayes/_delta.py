"""How natural values move with unconstrained coordinates: the slopes of the delta method."""

import numpy as np

from latentfit.declaration import Params, Space

# Share of its slope that a quantity may have along a direction in which it counts as unmoved.
_UNMOVED = 1e-5


def jacobian(space: Space, point: np.ndarray, scale: np.ndarray) -> Params:
    """Derivatives of parameters and deterministics, by fourth-order differences.

    Parameters
    ----------
    space : Space
    point, scale : ndarray, shape (size,)
        Where, and a unit of each coordinate: steps are of a ten-thousandth of it.

    Returns
    -------
    dict
        Per unit of `scale`, shape (size, entries), for each name.
    """
    slopes = [_slope(space, point, axis, step) for axis, step in enumerate(1e-4 * scale)]
    return {
        name: np.array([slope[name].ravel() for slope in slopes]) * 1e4 for name in space.shapes
    }


def unmoved(slopes: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Which quantities stand still along some directions.

    Parameters
    ----------
    slopes : ndarray, shape (size, entries)
    basis : ndarray, shape (size, directions)
        Orthonormal, in the same units.

    Returns
    -------
    ndarray of bool, shape (entries,)
    """
    along = np.linalg.norm(basis.T @ slopes, axis=0)
    still: np.ndarray = along <= _UNMOVED * np.linalg.norm(slopes, axis=0)
    return still


def _slope(space: Space, point: np.ndarray, axis: int, step: float) -> Params:
    """Derivative of the natural values along one coordinate, per step."""
    ends = []
    for length in (-2, -1, 1, 2):
        moved = point.copy()
        moved[axis] += length * step
        ends.append(space.constrain(moved))
    far, near, across, beyond = ends
    return {
        name: (far[name] - 8 * near[name] + 8 * across[name] - beyond[name]) / 12
        for name in space.shapes
    }

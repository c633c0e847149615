"""Newton decrement: the distance to the maximum of a log density, in standard errors.

Boyd & Vandenberghe 2004, section 9.5.1.
"""

import numpy as np

from latentfit.em.information import curvature_of


def newton_decrement(
    gradient: np.ndarray,
    hessian: np.ndarray,
    bounded: np.ndarray,
    flat_by: np.ndarray | None = None,
) -> float:
    """Newton decrement along the directions in which the log density is curved.

    Parameters
    ----------
    gradient : ndarray, shape (size,)
    hessian : ndarray, shape (size, size)
    bounded : ndarray of bool, shape (size,)
        As `Space.bounded`.
    flat_by : ndarray, shape (size,), optional
        Gradient by which flat directions are recognised; by default `gradient`.

    Returns
    -------
    float
        NaN if the Hessian is not finite or not negative definite along curved directions.
    """
    slope = gradient if flat_by is None else flat_by
    try:
        return curvature_of(hessian, slope, bounded).newton(gradient)[1]
    except np.linalg.LinAlgError:
        return float("nan")

"""Information matrices of a declaration, from exact second derivatives."""

from collections.abc import Mapping

import numpy as np

from latentfit.bayes.complete_data import CompleteData
from latentfit.em.information.differences import Derivative
from latentfit.errors import InputError

# Rounding error of an entry of a Hessian, relative to the geometric mean of its diagonal entries.
_ROUNDING_RELATIVE = 1e-13


def exact(matrix: np.ndarray) -> Derivative:
    """Return a matrix of exact second derivatives with its rounding error.

    Parameters
    ----------
    matrix : ndarray, shape (size, size)
    """
    size = np.sqrt(np.abs(np.diag(matrix)))
    return Derivative(matrix, _ROUNDING_RELATIVE * np.outer(size, size))


def complete_information(
    complete: CompleteData, point: np.ndarray, prior: bool
) -> tuple[Derivative, np.ndarray, np.ndarray]:
    """Compute the complete-data information, the score, and a unit of each coordinate.

    Parameters
    ----------
    complete : CompleteData
    point : ndarray, shape (size,)
        Unconstrained.
    prior : bool
        Whether log p(θ) is added to Q.

    Returns
    -------
    Derivative
        Minus the Hessian of Q in its first argument, shape (size, size), and its error.
    ndarray, shape (size,)
        The gradient of Q in its first argument, which is the score.
    ndarray, shape (size,)
        The length over which the curvature of Q along a coordinate is 1; at most 1 for bounded
        coordinates.

    Raises
    ------
    InputError
        Conditional expectations are computed from random draws, which cannot be differentiated.
    """
    if not complete.exact:
        raise InputError(
            f"conditional expectations of {', '.join(complete.latents)} are computed from random "
            f"draws, which cannot be differentiated"
        )
    statistics = exact_statistics(complete, point)
    information = -complete.hessian(statistics, point, prior=prior)
    _, score = complete.q(statistics, point, prior=prior)
    diagonal = np.diag(information)
    width = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    units = np.where(complete.density.space.bounded, np.minimum(width, 1.0), width)
    return exact(information), score, units


def exact_statistics(complete: CompleteData, point: np.ndarray) -> Mapping[str, np.ndarray]:
    """Compute conditional expectations that need no random draws.

    Parameters
    ----------
    complete : CompleteData
        With exact expectations.
    point : ndarray, shape (size,)
        Unconstrained.
    """
    # The generator is an argument of the interface; exact expectations do not use it.
    return complete.statistics(point, np.random.default_rng(0))

"""Quasi-Newton acceleration.

Zhou, Alexander & Lange (2011), Statistics and Computing 21(2), 261-273.

Newton's method for F(x) = x needs the derivative M of the map. It is replaced by the smallest
matrix that agrees with the observed steps of the map, M U = V: a column of U is a step
u = F(x) - x, and the column of V beside it is the step after it, F(F(x)) - F(x). By the formula of
Sherman and Morrison

    x_next = F(x) - V (Uᵀ U - Uᵀ V)⁻¹ Uᵀ (x - F(x))

(their equation 6), with as many columns as there are parameters, and a few at most.
"""

import numpy as np

from latentfit.em.accelerate._history import History
from latentfit.em.accelerate._registry import register

_MAX_SECANTS = 5


@register("quasi-newton", fast=True)
def quasi_newton(history: History) -> np.ndarray | None:
    """Propose a point after two plain steps."""
    if history.since_proposal < 2 or not history.is_consecutive(1):
        return None
    consecutive = [
        row
        for row in range(1, len(history.points))
        if np.array_equal(history.points[row], history.images[row - 1])
    ][-min(_MAX_SECANTS, history.points.shape[1]) :]
    steps = history.steps
    first, second = steps[[row - 1 for row in consecutive]].T, steps[consecutive].T
    try:
        weights = np.linalg.solve(first.T @ (first - second), first.T @ steps[-2])
    except np.linalg.LinAlgError:
        return None
    proposal: np.ndarray = history.images[-2] + second @ weights
    return proposal

"""Quasi-Newton acceleration (Zhou, Alexander & Lange 2011, Statistics and Computing 21(2),
261-273).

Newton's method for F(x) = x needs the derivative M of the map. It is replaced by the smallest
matrix that agrees with the map where it has been seen, M U = V: a column of U is a step
u = F(x) - x, and the column of V beside it the step after that, F(F(x)) - F(x). By the formula of
Sherman and Morrison

    x_next = F(x) - V (Uᵀ U - Uᵀ V)⁻¹ Uᵀ (x - F(x))

(their eq. 6), with as many columns as there are parameters, and at most a few.
"""

import numpy as np

from latentfit.em.accelerate._course import Course

_SECANTS = 5


def quasi_newton(course: Course) -> np.ndarray | None:
    """Propose a point after two plain steps."""
    if course.since < 2 or not course.went_on(1):
        return None
    went = [
        row
        for row in range(1, len(course.points))
        if np.array_equal(course.points[row], course.images[row - 1])
    ][-min(_SECANTS, course.points.shape[1]) :]
    steps = course.steps
    first, second = steps[[row - 1 for row in went]].T, steps[went].T
    try:
        weights = np.linalg.solve(first.T @ (first - second), first.T @ steps[-2])
    except np.linalg.LinAlgError:
        return None
    proposal: np.ndarray = course.images[-2] + second @ weights
    return proposal

"""A variant of Q as a function of one parameter, and its maximiser."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from latentfit.bayes.complete_data import Statistics
from latentfit.bayes.maxima import maximise
from latentfit.check.examination import Examination

# Towards a maximum at infinity, the gradient of Q along a logarithm is the distance of the natural
# value from its limit, in observations.
_GRADIENT_AT_BOUNDARY = 1e-4
# A point that is so many complete-data standard errors away from the maximum of a variant, by one
# Newton step with the curvature of Q itself, is not this maximum. The curvatures may differ by a
# large factor.
_FAR_STANDARD_ERRORS = 0.1


@dataclass(frozen=True)
class Variant:
    """A variant of Q(· | θ') as a function of one parameter.

    Attributes
    ----------
    examination : Examination
    part : slice
        The coordinates of the parameter in the unconstrained vector.
    at : ndarray, shape (size,)
        The values of all other parameters, unconstrained.
    statistics : mapping
        The statistics at θ'.
    prior : bool
        Whether the log prior is added.
    pooled : bool
        Whether all components of the parameter have one value.
    """

    examination: Examination
    part: slice
    at: np.ndarray
    statistics: Statistics
    prior: bool
    pooled: bool

    def maximiser(self, start: np.ndarray) -> np.ndarray | None:
        """Return the maximiser, unconstrained with all parameters; None if none was found.

        Parameters
        ----------
        start : ndarray, shape (size,)
            Where the search starts.
        """
        values = start[self.part]
        values = values.mean(keepdims=True) if self.pooled else values.copy()
        bounded = self.examination.density.space.bounded[self.part]
        try:
            found = maximise(self._objective, self._hessian, values, bounded[: len(values)])
            if found.reached or self._at_boundary(found.point, bounded):
                return self._inserted(found.point)
        except (ArithmeticError, ValueError, LinAlgError):
            pass
        return None

    def excludes(self, point: np.ndarray, hessian: np.ndarray) -> bool:
        """Return whether a point is certainly not the maximiser.

        Parameters
        ----------
        point : ndarray, shape (size,)
        hessian : ndarray, shape (size, size)
            Of Q at its maximum.
        """
        values = point[self.part]
        if self.pooled and np.ptp(values) > _FAR_STANDARD_ERRORS:
            return True
        values = values.mean(keepdims=True) if self.pooled else values
        _, gradient = self._objective(values)
        if not np.isfinite(gradient).all():
            return False
        try:
            curvature = -self._free.T @ hessian[self.part, self.part] @ self._free
            step = cho_solve(cho_factor(curvature), gradient)
        except (LinAlgError, ValueError):
            return False
        return bool(np.sqrt(max(gradient @ step, 0.0)) > _FAR_STANDARD_ERRORS)

    @property
    def _free(self) -> np.ndarray:
        """Coordinates of the parameter as a linear function of those that are free."""
        size = self.part.stop - self.part.start
        return np.ones((size, 1)) if self.pooled else np.eye(size)

    def _inserted(self, values: np.ndarray) -> np.ndarray:
        point = self.at.copy()
        point[self.part] = self._free @ values
        return point

    def _objective(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        complete, point = self.examination.complete, self._inserted(values)
        value, gradient = complete.q(self.statistics, point, prior=self.prior)
        return value, self._free.T @ gradient[self.part]

    def _hessian(self, values: np.ndarray) -> np.ndarray:
        complete, point = self.examination.complete, self._inserted(values)
        matrix = complete.hessian(self.statistics, point, prior=self.prior)
        result: np.ndarray = self._free.T @ matrix[self.part, self.part] @ self._free
        return result

    def _at_boundary(self, values: np.ndarray, bounded: np.ndarray) -> bool:
        """Return whether the maximum lies at infinity, and the natural values are its limit."""
        if not (bounded.all() and np.isfinite(values).all()):
            return False
        return bool(np.abs(self._objective(values)[1]).max() <= _GRADIENT_AT_BOUNDARY)

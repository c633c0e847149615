"""Maximisers of Q, and of the variants of Q to which known mistakes in an M step lead."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from latentfit.bayes.complete_data import Statistics
from latentfit.bayes.maxima import maximise
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes._category_counts import category_counts
from latentfit.declaration import Params

# Towards a maximum at infinity, the gradient of Q along a logarithm is the distance of the natural
# value from its limit, in observations.
_GRADIENT_AT_BOUNDARY = 1e-4


@dataclass(frozen=True)
class QMaximisers:
    """What maximises Q(· | θ') and variants of it at one trial point θ', on the natural scale.

    A variant is maximised in one parameter, all others being as the M step returned them. The
    maximiser is then what an M step with a mistake in this parameter alone returns, and also what
    one with the same mistake in all parameters returns.

    Attributes
    ----------
    examination : Examination
    trial : TrialPoint
    point : ndarray, shape (size,)
        The maximiser of Q, unconstrained.
    expected : dict
        The maximiser of Q.
    returned : ndarray, shape (size,), or None
        What the M step returned, unconstrained; None if it is outside the support.
    """

    examination: Examination
    trial: TrialPoint
    point: np.ndarray
    expected: Params
    returned: np.ndarray | None = None
    _points: dict[tuple[str, str], np.ndarray | None] = field(default_factory=dict, compare=False)

    def with_prior(self, name: str) -> tuple[np.ndarray | None, ...]:
        """Return the maximisers of Q plus the log prior; None if none was found.

        For the values of the other parameters that the M step returned, and for their right values.
        """
        return (
            self._kept("prior", name, self._returned(), prior=True),
            self._kept("prior at right values", name, self.point, prior=True),
        )

    def with_statistics(self, name: str, words: str, changed: Statistics) -> np.ndarray | None:
        """Return the maximiser of Q with other statistics; None if none was found.

        Parameters
        ----------
        name : str
        words : str
            What distinguishes these statistics from others.
        changed : mapping
            Some of the statistics of `TrialPoint`.
        """
        return self._kept(words, name, self._returned(), statistics=changed)

    def with_old(self, name: str, others: tuple[str, ...]) -> np.ndarray | None:
        """Return the maximiser of Q with old values of other parameters; None if none was found.

        Parameters
        ----------
        name : str
        others : tuple of str
            The parameters with old values.
        """
        point, slices = self._returned().copy(), self.examination.parameter_slices
        for other in others:
            point[slices[other]] = self.trial.point[slices[other]]
        return self._kept(" ".join(("old", *others)), name, point)

    def with_all_old(self, name: str) -> np.ndarray | None:
        """Return the maximiser of Q with old values of all other parameters; None if none."""
        return self._kept("all old", name, self.trial.point)

    def with_other(self, name: str, other: str, value: np.ndarray, words: str) -> np.ndarray | None:
        """Return the maximiser of Q if another, unbounded parameter had a given value."""
        point = self._returned().copy()
        point[self.examination.parameter_slices[other]] = np.ravel(value)
        return self._kept(f"{other} {words}", name, point)

    def pooled(self, name: str) -> np.ndarray | None:
        """Return the maximiser of Q with one value for all components; None if none was found."""
        return self._kept("pooled", name, self._returned(), pooled=True)

    @cached_property
    def category_counts(self) -> dict[str, np.ndarray]:
        """Expected numbers of observations in the categories of each vector of probabilities.

        ``{parameter: counts}`` for parameters that are probabilities of categories, in the shape of
        the parameter, and for those that are single probabilities, in its shape with an axis of
        length two (success, failure) added.
        """
        return category_counts(self.examination, self.trial, self.point)

    def _returned(self) -> np.ndarray:
        return self.point if self.returned is None else self.returned

    def _kept(
        self,
        words: str,
        name: str,
        at: np.ndarray,
        *,
        statistics: Statistics | None = None,
        prior: bool | None = None,
        pooled: bool = False,
    ) -> np.ndarray | None:
        """Return the maximiser of a variant of Q in one parameter, natural scale; None if none."""
        point = self._point(words, name, at, statistics=statistics, prior=prior, pooled=pooled)
        if point is None:
            return None
        value: np.ndarray = self.examination.density.space.constrain(point)[name]
        return value

    def _point(
        self,
        words: str,
        name: str,
        at: np.ndarray,
        *,
        statistics: Statistics | None = None,
        prior: bool | None = None,
        pooled: bool = False,
    ) -> np.ndarray | None:
        """Maximise once for each variant and parameter."""
        part = self.examination.parameter_slices.get(name)
        if part is None or part.start == part.stop:
            return None
        if (words, name) not in self._points:
            with_prior = self.examination.with_prior if prior is None else prior
            used = {**self.trial.statistics, **(statistics or {})}
            self._points[words, name] = self._maximised(part, at, used, with_prior, pooled)
        return self._points[words, name]

    def _maximised(
        self, part: slice, at: np.ndarray, statistics: Statistics, prior: bool, pooled: bool
    ) -> np.ndarray | None:
        """Maximise over one parameter, from the maximiser of Q."""
        complete, size = self.examination.complete, part.stop - part.start
        # Coordinates of the parameter as a linear function of those that are free.
        free = np.ones((size, 1)) if pooled else np.eye(size)
        start = self.point[part].mean(keepdims=True) if pooled else self.point[part].copy()

        def inserted(values: np.ndarray) -> np.ndarray:
            point = at.copy()
            point[part] = free @ values
            return point

        def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = complete.q(statistics, inserted(values), prior=prior)
            return value, free.T @ gradient[part]

        def hessian(values: np.ndarray) -> np.ndarray:
            matrix = complete.hessian(statistics, inserted(values), prior=prior)[part, part]
            result: np.ndarray = free.T @ matrix @ free
            return result

        bounded = self.examination.density.space.bounded[part][: len(start)]
        try:
            found = maximise(objective, hessian, start, bounded)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return None
        if found.reached or self._at_boundary(part, found.point, objective(found.point)[1]):
            return inserted(found.point)
        return None

    def _at_boundary(self, part: slice, coordinates: np.ndarray, gradient: np.ndarray) -> bool:
        """Return whether the maximum lies at infinity, and the natural values are its limit."""
        bounded = self.examination.density.space.bounded[part]
        return bool(
            bounded.all()
            and np.isfinite(coordinates).all()
            and np.abs(gradient).max() <= _GRADIENT_AT_BOUNDARY
        )

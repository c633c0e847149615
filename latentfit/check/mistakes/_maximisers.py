"""Maximisers of Q, and of the variants of Q to which known mistakes in an M step lead."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from latentfit.bayes.complete_data import Statistics
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes._category_counts import category_counts
from latentfit.check.mistakes._variants import Variant
from latentfit.declaration import Params


@dataclass(frozen=True)
class QMaximisers:
    """What maximises Q(· | θ') and variants of it at one trial point θ', on the natural scale.

    A variant is maximised in one parameter, all others being as the M step returned them. The
    maximiser is then what an M step with a mistake in this parameter alone returns, and also what
    one with the same mistake in all parameters returns. Unless something else is stated, None means
    that no maximiser was found, or that the M step did not return it.

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

    def with_statistics(
        self, name: str, words: str, changed: Statistics, *, only_if_returned: bool = True
    ) -> np.ndarray | None:
        """Return the maximiser of Q with other statistics; None if none was found.

        Parameters
        ----------
        name : str
        words : str
            What distinguishes these statistics from others.
        changed : mapping
            Some of the statistics of `TrialPoint`.
        only_if_returned : bool
            Whether None may be returned if the M step did not return the maximiser.
        """
        return self._kept(
            words,
            name,
            self._returned(),
            statistics=changed,
            only_if_returned=only_if_returned,
        )

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

    @cached_property
    def _hessian(self) -> np.ndarray:
        """The Hessian of Q at its maximum."""
        return self.examination.q_hessian(self.trial)(self.point)

    def _kept(
        self,
        words: str,
        name: str,
        at: np.ndarray,
        *,
        statistics: Statistics | None = None,
        prior: bool | None = None,
        pooled: bool = False,
        only_if_returned: bool = True,
    ) -> np.ndarray | None:
        """Return the maximiser of a variant of Q in one parameter, natural scale.

        Each variant is maximised once for each parameter. If the maximiser is needed only where the
        M step returned it, the search is saved where a single gradient shows that it did not.
        """
        part = self.examination.parameter_slices.get(name)
        if part is None or part.start == part.stop:
            return None
        if (words, name) not in self._points:
            variant = Variant(
                self.examination,
                part,
                at,
                {**self.trial.statistics, **(statistics or {})},
                self.examination.with_prior if prior is None else prior,
                pooled,
            )
            far = (
                only_if_returned
                and self.returned is not None
                and variant.excludes(self.returned, self._hessian)
            )
            self._points[words, name] = None if far else variant.maximiser(self.point)
        point = self._points[words, name]
        if point is None:
            return None
        value: np.ndarray = self.examination.density.space.constrain(point)[name]
        return value

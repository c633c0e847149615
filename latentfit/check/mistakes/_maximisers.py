"""Maximisers of Q, and of the variants of Q to which known mistakes in an M step lead."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latentfit.bayes.maxima import maximise
from latentfit.check.examination import Examination, TrialPoint
from latentfit.declaration import Params


@dataclass(frozen=True)
class QMaximisers:
    """What maximises Q(· | θ') and variants of it at one trial point θ', on the natural scale.

    Attributes
    ----------
    examination : Examination
    trial : TrialPoint
    point : ndarray, shape (size,)
        The maximiser of Q, unconstrained.
    expected : dict
        The maximiser of Q.
    """

    examination: Examination
    trial: TrialPoint
    point: np.ndarray
    expected: Params

    @cached_property
    def with_prior(self) -> Params | None:
        """The maximiser of Q plus the log prior; None if none was found."""
        found = self.examination.complete.maximise(self.trial.statistics, self.point, prior=True)
        return self._natural(found.point) if found.reached else None

    @cached_property
    def with_hard_assignments(self) -> Params | None:
        """The maximiser of Q if the most probable category has probability 1; None if none."""
        complete = self.examination.complete
        if complete.joint is None:
            return None
        hard = {
            name: np.eye(r.shape[-1])[r.argmax(axis=-1)]
            for name, r in self.trial.statistics.items()
        }
        found = complete.maximise(hard, self.point)
        return self._natural(found.point) if found.reached else None

    @cached_property
    def one_at_a_time(self) -> Params:
        """The maximiser of Q in each parameter, all other parameters being at their old values."""
        result = dict(self.expected)
        for name, part in self.examination.parameter_slices.items():
            if name in result and (value := self._maximiser_in(name, part)) is not None:
                result[name] = value
        return result

    def _maximiser_in(self, name: str, part: slice) -> np.ndarray | None:
        old, bounded = self.trial.point, self.examination.density.space.bounded
        q, q_hessian = self.examination.q(self.trial), self.examination.q_hessian(self.trial)

        def inserted(values: np.ndarray) -> np.ndarray:
            point = old.copy()
            point[part] = values
            return point

        def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = q(inserted(values))
            return value, gradient[part].copy()

        def hessian(values: np.ndarray) -> np.ndarray:
            return np.asarray(q_hessian(inserted(values))[part, part]).copy()

        found = maximise(objective, hessian, old[part].copy(), bounded[part])
        return self._natural(inserted(found.point))[name] if found.reached else None

    def _natural(self, point: np.ndarray) -> Params:
        return self.examination.density.space.constrain(point)

"""What a derivation's log-likelihood returned, beside the declaration's."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latentfit.check.examination import Examination, TrialPoint

# Relative to the largest log-likelihood.
SAME_LOG_LIKELIHOOD_RELATIVE = 1e-8


@dataclass(frozen=True)
class Values:
    """What ``log_likelihood`` returned at the trial points, in the order of the calls."""

    examination: Examination
    trials: Sequence[TrialPoint]
    values: np.ndarray

    @cached_property
    def exact(self) -> np.ndarray:
        """Log p(x | θ) at the trial points."""
        density = self.examination.density
        return np.array([density.log_likelihood(trial.point)[0] for trial in self.trials])

    @property
    def tolerance(self) -> float:
        """The largest absolute difference that is rounding."""
        return float(SAME_LOG_LIKELIHOOD_RELATIVE * (1 + np.abs(self.exact).max()))

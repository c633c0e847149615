"""The monotonicity check: EM never decreases the log-likelihood, apart from rounding error."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from latentfit.em.results import Decrease

# A log-likelihood is a sum with about as many terms as there are data values. Each term is exact to
# a few units in the last place of its magnitude, which the sum's own magnitude and 1 approximate.
_SUM_ROUNDING_RELATIVE = 64 * np.finfo(float).eps
# With a nearly singular covariance the log-likelihood may decrease by this much, relative, even
# though the EM algorithm is right.
_ILL_CONDITIONED_DECREASE_RELATIVE = 1e-9


class MonotonicityCheck:
    """Compare log-likelihoods up to rounding error, and remember the worst decrease.

    Parameters
    ----------
    data : mapping or array
        Only its number of values matters.

    Attributes
    ----------
    worst : Decrease or None
        The largest decrease beyond rounding error.
    """

    def __init__(self, data: Any) -> None:
        self._data_values = _number_of_values(data)
        self.worst: Decrease | None = None
        self._log_likelihood_after_worst = np.nan

    @property
    def violated(self) -> bool:
        """Whether EM has decreased the log-likelihood by more than ill-conditioning explains."""
        if self.worst is None:
            return False
        tolerance = _ILL_CONDITIONED_DECREASE_RELATIVE * (1 + abs(self._log_likelihood_after_worst))
        return bool(self.worst.amount > tolerance)

    def decreases(self, before: float, after: float) -> bool:
        """Whether a log-likelihood is lower than another one, beyond rounding error."""
        rounding = _SUM_ROUNDING_RELATIVE * (abs(before) + abs(after) + self._data_values)
        return bool(before - after > rounding)

    def update(self, iteration: int, before: float, after: float) -> None:
        """Process the log-likelihoods before and after an iteration."""
        amount = before - after
        if not (np.isfinite(after) and self.decreases(before, after)):
            return
        if self.worst is None or amount > self.worst.amount:
            self.worst = Decrease(iteration, amount)
            self._log_likelihood_after_worst = after


def _number_of_values(data: Any) -> int:
    if not isinstance(data, Mapping):
        return int(np.size(data))
    # A mapping that stands for data on a cluster only knows how many values there are.
    size = getattr(data, "size", None)
    return sum(int(np.size(array)) for array in data.values()) if size is None else int(size)

"""The profile log-likelihood of one entry of the parameters.

The profile of an entry ψ is the log-likelihood maximised over all other parameters λ,
L_p(ψ) = max L(ψ, λ). The maximisation is by BFGS, in units of the curvature.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latentfit.em.information._fixed_parameter import FixedParameter
from latentfit.em.information._on_free_scale import LogDensity, log_density_on_free_scale
from latentfit.em.information.differences import gradient
from latentfit.em.information.step_units import curvature_units
from latentfit.em.layout import Params

# Steps for the gradient that BFGS uses: two, the longer of a five-hundredth of a unit.
_LONGEST_STEP_UNITS = 2e-3
_STEP_COUNT = 2
# BFGS stops when no derivative is larger than this, in nats per unit.
_GRADIENT_TOLERANCE = 1e-6
# Stands for the log-likelihood where it is not defined, for BFGS needs finite values.
_UNDEFINED_LOG_LIKELIHOOD = -1e100


class ProfileLikelihood:
    """The profile log-likelihood as a function of the entry on its link's scale.

    Parameters
    ----------
    fixed : FixedParameter
        The entry, and coordinates of the other parameters.
    log_likelihood : callable
        ``log_likelihood(params)``, natural scale.
    maximum : float
        The log-likelihood at the estimates.

    Attributes
    ----------
    highest : float
        The highest log-likelihood so far, at least that at the estimates.
    highest_at : float
        The value of the entry there, natural scale.
    step : float
        A unit of length on the link's scale: the log-likelihood falls by about 1/2 over it if the
        other parameters stay at their estimates.
    """

    def __init__(self, fixed: FixedParameter, log_likelihood: LogDensity, maximum: float) -> None:
        self.fixed = fixed
        self.maximum = maximum
        self.highest, self.highest_at = maximum, fixed.estimate
        self._log_likelihood = log_likelihood
        # Not at the estimate itself: at the bound of its range the log-likelihood may have no
        # curvature along the other parameters.
        linked = fixed.linked_estimate()
        self._units = curvature_units(
            self._of_others(fixed.value(linked)), fixed.others, fixed.bounded
        )

        def of_entry(where: np.ndarray) -> float:
            return self._of_others(fixed.value(float(where[0])))(fixed.others)

        bounded = np.array([fixed.link != "identity"])
        self.step = float(curvature_units(of_entry, np.array([linked]), bounded)[0])

    def __call__(self, linked: float, others: np.ndarray) -> tuple[float, np.ndarray]:
        """Maximise over the other parameters at a value of the entry.

        Parameters
        ----------
        linked : float
            The entry on the link's scale.
        others : ndarray, shape (size - 1,)
            Free coordinates of the other parameters from which the maximisation starts.

        Returns
        -------
        float
            The profile log-likelihood; minus infinity where the log-likelihood is not defined.
        ndarray, shape (size - 1,)
            The other parameters at the maximum.
        """
        value = self.fixed.value(linked)
        log_likelihood, others = _maximise(self._of_others(value), others, self._units)
        if log_likelihood > self.highest:
            self.highest, self.highest_at = log_likelihood, value
        return log_likelihood, others

    def _of_others(self, value: float) -> Callable[[np.ndarray], float]:
        """Return the log-likelihood as a function of the other parameters."""
        return log_density_on_free_scale(
            _WithFixedEntry(self.fixed, value), self._log_likelihood, "log_likelihood"
        )


@dataclass(frozen=True)
class _WithFixedEntry:
    """The free scale of the other parameters, given a value of the entry."""

    fixed: FixedParameter
    value: float

    def params(self, point: np.ndarray) -> Params:
        return self.fixed.params(self.value, point)


def _maximise(
    function: Callable[[np.ndarray], float], start: np.ndarray, units: np.ndarray
) -> tuple[float, np.ndarray]:
    at_start = function(start)
    if not len(start) or not np.isfinite(at_start):
        return (at_start if np.isfinite(at_start) else -np.inf), start
    # SciPy's optimisers take long to import, and most users of this package need none of them.
    from scipy.optimize import minimize

    def negative(steps: np.ndarray) -> float:
        value = function(start + units * steps)
        return -value if np.isfinite(value) else -_UNDEFINED_LOG_LIKELIHOOD

    def negative_gradient(steps: np.ndarray) -> np.ndarray:
        found = gradient(
            function,
            start + units * steps,
            units,
            longest_step=_LONGEST_STEP_UNITS,
            step_count=_STEP_COUNT,
        )
        return np.where(np.isfinite(found.value), -units * found.value, 0.0)

    found = minimize(
        negative,
        np.zeros_like(start),
        jac=negative_gradient,
        method="BFGS",
        options={"gtol": _GRADIENT_TOLERANCE},
    )
    if -found.fun < at_start:
        return at_start, start
    return float(-found.fun), start + units * found.x

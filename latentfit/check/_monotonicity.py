"""``path.monotone``: whether the objective ever decreases along EM's iterations.

EM never decreases log p(x | θ), nor does generalised EM (Dempster, Laird & Rubin 1977, Journal of
the Royal Statistical Society B 39(1), theorem 1).
"""

import numpy as np

from latentfit.check._inexact_maximum import NUMERICAL_MAXIMISER_STANDARD_ERRORS
from latentfit.check._log_likelihood_error import log_likelihood_error
from latentfit.check.examination import Examination
from latentfit.check.result import Check, Finding, Outcome
from latentfit.em import Decrease, Fit, Solution

# Relative to the log-likelihood: what steps in single precision may lose near a maximum.
_ROUNDING_DECREASE_RELATIVE = 1e-9
# The rounding error of the objective is estimated from its range over so many points that differ
# from a point by that much, relative to their coordinates; it may be so many times that range.
_PERTURBATION_RELATIVE = 1e-13
_PERTURBED_POINTS = 8
_ROUNDING_ERROR_RANGES = 3.0
# Absolute: what the objective may lose if an M step misses the maximum of Q by the tolerance of a
# numerical maximiser. At distance d, in standard errors, Q is lower by d² / 2.
_NUMERICAL_MAXIMISER_DECREASE = NUMERICAL_MAXIMISER_STANDARD_ERRORS**2 / 2


def examine(examination: Examination, fit: Fit, *, numerical: bool = False) -> Outcome:
    """Report the largest decrease of the objective that is more than rounding.

    Parameters
    ----------
    examination : Examination
    fit : Fit
        Runs of the steps as handed in, with the declaration's objective as log-likelihood.
    numerical : bool
        Whether the M step may maximise Q numerically, because it was not found to be exact.
    """
    if not examination.density.tractable:
        detail = "log p(x | θ) is not known, so that its decrease cannot be observed"
        return Outcome((Check("path.monotone", "skip", detail),))
    decreases = [
        (solution.decrease, number)
        for number, solution in enumerate(fit.solutions)
        if solution.decrease is not None
        and solution.decrease.amount > _single_precision_decrease(solution)
    ]
    rounding = {
        number: _rounding_error(examination, fit.solutions[number], decrease)
        for decrease, number in decreases
    }
    decreases = [pair for pair in decreases if pair[0].amount > rounding[pair[1]]]
    iterations = sum(solution.iterations for solution in fit.solutions)
    if not iterations:
        detail = "EM did not complete an iteration"
        return Outcome((Check("path.monotone", "skip", detail),))
    if not decreases:
        detail = f"the objective never decreased over {iterations} iterations"
        if rounding:
            detail += (
                f", except by less than {max(rounding.values()):.1g}, the rounding error of the "
                f"objective there"
            )
        return Outcome((Check("path.monotone", "pass", detail),))
    worst, start = max(decreases, key=lambda pair: pair[0].amount)
    decreased = (
        f"the objective decreased by {worst.amount:.3g} in iteration {worst.iteration} "
        f"from start {start + 1}"
    )
    if numerical and worst.amount <= _NUMERICAL_MAXIMISER_DECREASE:
        detail = (
            f"{decreased}. This may only be the tolerance of a numerical maximiser in the M step: "
            f"decrease this tolerance to test it"
        )
        return Outcome((Check("path.monotone", "warn", detail),))
    message = (
        f"{decreased}. An EM algorithm never decreases it, so that at least one of the "
        f"two steps is wrong"
    )
    evidence = {"given": -worst.amount, "expected": 0.0, "iteration": worst.iteration}
    finding = Finding("fixed_point", "log_likelihood", "error", message, None, evidence)
    return Outcome((Check("path.monotone", "fail", message),), (finding,))


def _single_precision_decrease(solution: Solution) -> float:
    return _ROUNDING_DECREASE_RELATIVE * (1 + abs(solution.log_likelihood or 0.0))


def _rounding_error(examination: Examination, solution: Solution, decrease: Decrease) -> float:
    """Estimate the rounding error of the objective before and after an iteration.

    If a covariance is nearly singular, a density has few correct digits. It then varies by its
    rounding error between points that are equal but for their last digits. If the latents are
    integrated out numerically, the error of the integral counts too.
    """
    rng = np.random.default_rng(examination.seed)
    density, largest, error = examination.density, 0.0, 0.0
    for iteration in (decrease.iteration - 1, decrease.iteration):
        params = {name: values[iteration] for name, values in solution.trace.params.items()}
        point = density.space.locate(examination.to_model(params))
        values = [
            density.objective(
                point + _PERTURBATION_RELATIVE * (1 + np.abs(point)) * noise,
                prior=examination.with_prior,
            )
            for noise in rng.standard_normal((_PERTURBED_POINTS, len(point)))
        ]
        if not np.isfinite(values).all():
            return float("inf")
        largest = max(largest, float(np.ptp(values)))
        # Both values may be wrong by the error of numerical integration, in opposite directions.
        error += log_likelihood_error(examination, point)
    return max(_ROUNDING_ERROR_RANGES * largest, error)

"""EM's limit point where log p(x | θ) is not known: its gradient is estimated from draws.

By Fisher's identity the gradient of log p(x | θ) is the mean of the gradient of log p(x, z | θ)
over p(z | x, θ) (Dempster, Laird & Rubin 1977, Journal of the Royal Statistical Society B 39(1)).
"""

import numpy as np

from latentfit.check._false_alarms import probability_per_comparison
from latentfit.check._limit_point_outcomes import (
    NOT_STATIONARY,
    contradicted,
    maximum,
    noted,
    withheld,
)
from latentfit.check._support import bounds_of_latents, without_score
from latentfit.check.examination import Examination
from latentfit.check.result import Outcome
from latentfit.em import Solution


def examine(examination: Examination, solution: Solution, point: np.ndarray) -> Outcome:
    """Test whether the gradient of the objective is zero within its standard error.

    Parameters
    ----------
    examination : Examination
    solution : Solution
        A run of the steps as handed in.
    point : ndarray, shape (size,)
        Its last iterate, unconstrained.
    """
    from scipy.stats import norm

    complete, prior = examination.complete, examination.with_prior
    draws = complete.statistics(point, np.random.default_rng(examination.seed))
    bounds = bounds_of_latents(examination, draws, point)
    if bounds:
        return without_score(bounds, complete.latents)
    count = len(next(iter(draws.values())))
    gradients = np.stack(
        [
            complete.q({n: one[i : i + 1] for n, one in draws.items()}, point, prior=prior)[1]
            for i in range(count)
        ]
    )
    if not np.isfinite(gradients).all():
        return withheld(
            "the gradient of log p(x, z | θ) at EM's limit point is not finite for some draws of "
            "the latents"
        )
    with np.errstate(all="ignore"):
        z = np.abs(gradients.mean(axis=0)) / (gradients.std(axis=0, ddof=1) / np.sqrt(count))
    # A component that is the same for all draws has no standard error.
    z = z[np.isfinite(z)]
    if not z.size:
        return withheld("the gradient at EM's limit point has no standard error")
    allowed = float(norm.isf(probability_per_comparison(examination) / (2 * z.size)))
    estimate = (
        f"the gradient of log p(x | θ) at EM's limit point, estimated from {count} draws of the "
        f"latents (Fisher's identity): the largest of its {z.size} components is {z.max():.1f} "
        f"standard errors from zero; {allowed:.1f} are allowed"
    )
    if not solution.converged:
        message = f"EM did not converge: {solution.message}; {estimate}"
        return noted("not converged", message)
    if z.max() > allowed:
        return contradicted(NOT_STATIONARY, estimate, {"z": float(z.max()), "allowed": allowed})
    return maximum(estimate)

"""EM that stops before a stationary point although its steps are right.

Where a variance is close to zero, EM changes some parameters so little that its steps are lost in
rounding long before it has converged. An M step that maximises Q numerically stops EM where the
remaining increase of Q is smaller than the tolerance of its optimiser.
"""

import numpy as np

from latentfit.check._inexact_maximum import NUMERICAL_MAXIMISER_STANDARD_ERRORS
from latentfit.check._limit_point_outcomes import noted, withheld
from latentfit.check.examination import Examination
from latentfit.check.result import Outcome
from latentfit.em import Solution
from latentfit.em.information import Curvature

# The last step counts as the same as the declaration's own step if it differs by no more than this
# share of it, plus rounding in standard errors.
_SAME_STEP_RELATIVE = 0.1
_ROUNDING_STANDARD_ERRORS = 1e-7


def examine(
    examination: Examination, solution: Solution, shape: Curvature, not_stationary: Outcome
) -> Outcome:
    """Return a warning if slow or inexact steps explain the limit point; otherwise the outcome.

    Parameters
    ----------
    examination : Examination
    solution : Solution
        A run of the steps as handed in.
    shape : Curvature
        Of the objective at its last iterate.
    not_stationary : Outcome
        That its last iterate is not a stationary point.
    """
    complete = examination.complete
    if not complete.exact or solution.iterations < 2:
        return not_stationary
    before, after = (
        examination.density.space.locate(
            examination.to_model({name: path[k] for name, path in solution.trace.params.items()})
        )
        for k in (-2, -1)
    )
    statistics = complete.statistics(before, np.random.default_rng(examination.seed))
    own = complete.maximise(statistics, before, prior=examination.with_prior)
    message = not_stationary.findings[0].message
    if not own.reached:
        return withheld(
            f"whether EM only converges slowly, because the declaration's own M step was not found "
            f"there ({own.problem}): {message}"
        )
    step = np.linalg.norm((own.point - before) / shape.units)
    difference = np.linalg.norm((after - own.point) / shape.units)
    if difference <= _SAME_STEP_RELATIVE * step + _ROUNDING_STANDARD_ERRORS:
        return noted("not converged", f"{message}; the declaration's own EM is as slow there")
    if difference <= NUMERICAL_MAXIMISER_STANDARD_ERRORS:
        return noted(
            "not converged",
            f"{message}. The M step's result is {difference:.1g} standard errors from the maximum "
            f"of Q there, so that this may only be the tolerance of a numerical maximiser in the M "
            f"step. Decrease this tolerance to test the limit point",
        )
    return not_stationary

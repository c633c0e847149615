"""EM that alternates between two points, such as one solution in two orders of the components."""

import numpy as np

from latentfit.check._limit_point_outcomes import noted
from latentfit.check.result import Check, Finding, Outcome
from latentfit.em import Solution

# Relative to the largest entry of a parameter: a step that is more than rounding.
_STEP_RELATIVE = 1e-4
# Relative to that step: the distance between iterates two apart that is rounding.
_SAME_POINT_RELATIVE = 1e-6
_MIN_ITERATIONS = 4
# Relative to the largest entry of a parameter: a step that the tolerance of a numerical maximiser
# in the M step may cause.
_NUMERICAL_MAXIMISER_STEP_RELATIVE = 1e-2


def alternating(solution: Solution, *, numerical: bool = False) -> Outcome | None:
    """Return the outcome if EM alternates between two points; None if it does not.

    Parameters
    ----------
    solution : Solution
    numerical : bool
        Whether the M step may maximise Q numerically, because it was not found to be exact.
    """
    if solution.converged or solution.iterations < _MIN_ITERATIONS:
        return None
    for name, path in solution.trace.params.items():
        largest = np.max(np.abs(path[-1]), initial=0.0)
        step = np.max(np.abs(path[-1] - path[-2]), initial=0.0)
        two_steps = np.max(np.abs(path[-1] - path[-3]), initial=0.0)
        moves = step > _STEP_RELATIVE * largest
        if moves and two_steps <= _SAME_POINT_RELATIVE * step:
            message = (
                f"EM alternates between two points: the last iteration changed {name} by "
                f"{step:.3g}, and the last two together by {two_steps:.1g}"
            )
            if numerical and step <= _NUMERICAL_MAXIMISER_STEP_RELATIVE * largest:
                return noted(
                    "not converged",
                    f"{message}. This may only be the tolerance of a numerical maximiser in the M "
                    f"step: decrease this tolerance to test the limit point",
                )
            hint = (
                "the order of the components changes in every iteration, as it does if one of the "
                "two steps reorders them"
            )
            evidence = {"step": float(step), "two_steps": float(two_steps)}
            finding = Finding("M", name, "error", message, hint, evidence)
            return Outcome((Check("fixed_point.maximum", "fail", message),), (finding,))
    return None

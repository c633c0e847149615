"""Verdict: EM never decreased its objective (Dempster, Laird & Rubin 1977, theorem 1)."""

from collections.abc import Sequence

import numpy as np
from pymc.logprob.utils import ParameterValueError

from latentfit import bayes
from latentfit.agreement.evidence import Evidence
from latentfit.agreement.problem import Problem
from latentfit.agreement.results import Verdict
from latentfit.agreement.verdicts._words import starts
from latentfit.em import Decrease, Fit, Solution
from latentfit.errors import LatentfitError

POSITION = 90

# Relative to 1 + |objective|: a decrease that rounding may cause, in single precision too.
_ROUNDING_DECREASE_RELATIVE = 1e-9


def verdict(evidence: Evidence) -> Verdict:
    """Look for decreases in the iterations of all starts, and confirm them by the declaration."""
    problem = evidence.problem
    decreases = [_confirmed(problem, one) for one in problem.fit.solutions if one.decrease]
    return of_fit(problem.fit, problem.objective, [one for one in decreases if one is not None])


def of_fit(fit: Fit, objective: str, decreases: Sequence[Decrease] | None = None) -> Verdict:
    """Give the verdict from decreases of log p(x | θ) or log p(x | θ) + log p(θ).

    Parameters
    ----------
    fit : Fit
    objective : {"likelihood", "posterior"}
    decreases : sequence of Decrease, optional
        Those of the declaration's own objective; by default those that the runs recorded, of the
        objective that they were given.
    """
    name = "log posterior density" if objective == "posterior" else "log-likelihood"
    recorded = [s.decrease for s in fit.solutions if s.decrease is not None]
    if decreases is None:
        decreases = recorded
    if decreases:
        worst = max(decreases, key=lambda decrease: decrease.amount)
        return Verdict(
            "monotone",
            "fail",
            f"The {name} decreased",
            f"by {worst.amount:.3g} in iteration {worst.iteration}: these steps are not an EM "
            f"algorithm of this model",
        )
    if recorded:
        worst = max(recorded, key=lambda decrease: decrease.amount)
        return Verdict(
            "monotone",
            "warn",
            f"The {name} of the model file decreased, and that of the model did not",
            f"by {worst.amount:.3g} in iteration {worst.iteration}: by rounding, or because "
            f"log_likelihood is not log p(x | θ)",
        )
    iterations = sum(s.iterations for s in fit.solutions)
    return Verdict(
        "monotone",
        "pass",
        f"The {name} never decreased",
        f"over {iterations} iterations from {starts(len(fit.solutions))}",
    )


def _confirmed(problem: Problem, solution: Solution) -> Decrease | None:
    """Return the decrease of the declaration's objective where the run recorded one, if any."""
    assert solution.decrease is not None
    iteration, path = solution.decrease.iteration, solution.trace.params
    density = problem.density
    try:
        points = [
            problem.locate({name: values[k] for name, values in path.items()})
            for k in (iteration - 1, iteration)
        ]
        before, after = (density.objective(point, prior=problem.with_prior) for point in points)
    except (LatentfitError, ParameterValueError):
        return None
    errors = [
        one.error or 0.0
        for point in points
        for one in bayes.views.marginalisations(problem.declaration, density, [point])
    ]
    error = _ROUNDING_DECREASE_RELATIVE * (1 + abs(after)) + sum(errors)
    amount = before - after
    return Decrease(iteration, amount) if np.isfinite(amount) and amount > error else None

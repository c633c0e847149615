"""Verdict: EM never decreased its objective (Dempster, Laird & Rubin 1977, theorem 1)."""

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Verdict
from latentfit.agreement.verdicts._words import starts
from latentfit.em import Fit

POSITION = 90


def verdict(evidence: Evidence) -> Verdict:
    """Look for decreases in the iterations of all starts."""
    return of_fit(evidence.problem.fit, evidence.problem.objective)


def of_fit(fit: Fit, objective: str) -> Verdict:
    """The verdict from the recorded decreases of log p(x | θ) or log p(x | θ) + log p(θ)."""
    name = "log posterior density" if objective == "posterior" else "log-likelihood"
    decreases = [s.decrease for s in fit.solutions if s.decrease is not None]
    if decreases:
        worst = max(decreases, key=lambda decrease: decrease.amount)
        return Verdict(
            "monotone",
            "fail",
            f"The {name} decreased",
            f"by {worst.amount:.3g} in iteration {worst.iteration}: these steps are not an EM "
            f"algorithm of this model",
        )
    iterations = sum(s.iterations for s in fit.solutions)
    return Verdict(
        "monotone",
        "pass",
        f"The {name} never decreased",
        f"over {iterations} iterations from {starts(len(fit.solutions))}",
    )

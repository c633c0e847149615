"""Verdict: every start that converged to a maximum converged to the same one."""

from collections.abc import Sequence

import numpy as np

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Optimum, Verdict
from latentfit.agreement.tolerances import SAME_LOG_LIKELIHOOD
from latentfit.agreement.verdicts._words import starts

POSITION = 100


def verdict(evidence: Evidence) -> Verdict:
    """Compare the log-likelihoods of all maxima that were found."""
    return of_optima(evidence.optima)


def of_optima(optima: Sequence[Optimum]) -> Verdict:
    """The verdict from the maxima of EM and of direct maximisation."""
    maxima = [o for o in optima if np.isfinite(o.log_likelihood) and not o.note]
    if not maxima:
        return Verdict("optima", "warn", "No start converged to a maximum", "")
    best = max(o.log_likelihood for o in maxima)
    lower = [o for o in maxima if best - o.log_likelihood > SAME_LOG_LIKELIHOOD * (1 + abs(best))]
    others = sum(o.count for o in optima if o.note)
    extra = f"; {starts(others)} did not converge to a maximum" if others else ""
    if lower:
        listed = ", ".join(f"{o.log_likelihood:.4f} ({o.method}, {starts(o.count)})" for o in lower)
        return Verdict(
            "optima",
            "warn",
            "There are lower maxima",
            f"the highest log-likelihood is {best:.4f}; also found: {listed}{extra}",
        )
    return Verdict(
        "optima",
        "pass",
        "Every start that converged to a maximum converged to the same",
        f"log-likelihood {best:.6f}, {starts(sum(o.count for o in maxima))}{extra}",
    )

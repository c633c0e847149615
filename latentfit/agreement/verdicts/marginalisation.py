"""Verdict: the latents are integrated out precisely enough for what is compared."""

from collections.abc import Sequence

from latentfit import bayes
from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Verdict
from latentfit.bayes.sampling import ReducedQuadrature
from latentfit.bayes.views import Marginalisation

POSITION = 110


def verdict(evidence: Evidence) -> Verdict:
    """State how each latent was marginalised, and how precisely at EM's estimate, MLE and MAP."""
    problem = evidence.problem
    points = [estimate.unconstrained for estimate in evidence.maxima.estimates.values()]
    found = bayes.views.marginalisations(problem.declaration, problem.density, points)
    return of_integrations(found, evidence.sampling.reduced)


def of_integrations(found: Sequence[Marginalisation], reduced: ReducedQuadrature | None) -> Verdict:
    """Give the verdict from the precision of each integration."""
    detail = "; ".join(map(str, (*found, *([] if reduced is None else [reduced]))))
    if all(one.precise for one in found):
        how = "exactly" if all(one.error is None for one in found) else "numerically"
        return Verdict("integration", "pass", f"The latents are integrated out {how}", detail)
    return Verdict(
        "integration",
        "warn",
        "The latents are integrated out less precisely than the estimates are compared",
        detail,
    )

"""Verdict: each of EM's estimates lies in the central 95 % of its marginal posterior.

An informative prior, or a skewed posterior, may put the maximum itself outside. Where direct
optimisation finds the same maximum, this does not contradict the derivation.
"""

from collections.abc import Sequence

import numpy as np

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Parameter, Verdict
from latentfit.agreement.tolerances import SAME_ESTIMATE_SD
from latentfit.agreement.verdicts._words import counted, finite_or, judged

POSITION = 60
NEEDS_DRAWS = True


def verdict(evidence: Evidence) -> Verdict:
    """Compare EM's estimates with the equal-tailed posterior intervals."""
    return of_parameters(evidence.parameters, "map" if evidence.problem.with_prior else "mle")


def of_parameters(parameters: Sequence[Parameter], target: str = "mle") -> Verdict:
    """Give the verdict from the estimates and intervals.

    Parameters
    ----------
    parameters : sequence of Parameter
    target : {"mle", "map"}
        The maximum that EM's estimate should be.

    An estimate on the boundary of the parameter space lies outside every interval that leaves a
    tail on either side. Such estimates, and those beside them that sum to one with them, are
    counted and not judged.
    """
    rows = judged(parameters)
    inner = [p for p in rows if not p.at_edge and np.isfinite((p.em, *p.eti)).all()]
    boundary = [p.name for p in rows if p.at_edge]
    note = f"; {counted(boundary)} on the boundary or beside it, and not judged" if boundary else ""
    if not inner:
        detail = note[2:] or "no parameter is identified"
        return Verdict("em_in_posterior", "skip", "No verdict against the posterior", detail)
    outside = [p for p in inner if not p.eti[0] <= p.em <= p.eti[1]]
    lowest = min(inner, key=lambda p: finite_or(p.tail, -np.inf))
    explained = [p for p in outside if _is_maximum(p, target)]
    if outside and len(explained) == len(outside):
        listed = ", ".join(
            f"{p.name} = {p.em:.4g} against [{p.eti[0]:.4g}, {p.eti[1]:.4g}]" for p in outside
        )
        return Verdict(
            "em_in_posterior",
            "warn",
            f"The {target.upper()} lies outside the bulk of the posterior, and EM's estimate too",
            f"outside the 95 % interval: {listed}. Direct optimisation finds the same values: the "
            f"prior or the shape of the posterior separates them{note}",
        )
    if outside:
        listed = ", ".join(
            f"{p.name} = {p.em:.4g} against [{p.eti[0]:.4g}, {p.eti[1]:.4g}]" for p in outside
        )
        return Verdict(
            "em_in_posterior",
            "fail",
            "EM's estimate lies outside the bulk of the posterior",
            f"outside the 95 % interval: {listed}{note}",
        )
    return Verdict(
        "em_in_posterior",
        "pass",
        "EM's estimate lies in the bulk of the posterior",
        f"within every 95 % interval; smallest two-sided tail probability {lowest.tail:.2g} "
        f"({lowest.name}){note}",
    )


def _is_maximum(parameter: Parameter, target: str) -> bool:
    """Return whether EM's estimate is the maximum that direct optimisation finds."""
    maximum: float = getattr(parameter, target)
    return abs(parameter.em - maximum) <= SAME_ESTIMATE_SD * parameter.posterior_sd

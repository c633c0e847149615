"""Verdict: each of EM's estimates lies in the central 95 % of its marginal posterior."""

from collections.abc import Sequence

import numpy as np

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Parameter, Verdict
from latentfit.agreement.verdicts._words import counted, finite_or, judged

POSITION = 60
NEEDS_DRAWS = True


def verdict(evidence: Evidence) -> Verdict:
    """Compare EM's estimates with the equal-tailed posterior intervals."""
    return of_parameters(evidence.parameters)


def of_parameters(parameters: Sequence[Parameter]) -> Verdict:
    """The verdict from the estimates and intervals.

    An estimate on the boundary of the parameter space lies outside every interval that leaves a
    tail on either side. Such estimates, and those beside them that sum to one with them, are
    counted and not judged.
    """
    rows = judged(parameters)
    inner = [p for p in rows if not p.at_edge]
    boundary = [p.name for p in rows if p.at_edge]
    note = f"; {counted(boundary)} on the boundary or beside it, and not judged" if boundary else ""
    if not inner:
        detail = note[2:] or "no parameter is identified"
        return Verdict("em_in_posterior", "skip", "No verdict against the posterior", detail)
    outside = [p for p in inner if not p.eti[0] <= p.em <= p.eti[1]]
    lowest = min(inner, key=lambda p: finite_or(p.tail, -np.inf))
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

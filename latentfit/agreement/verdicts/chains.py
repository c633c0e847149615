"""Verdict: the posterior draws can be trusted.

Vehtari et al. 2021 (Bayesian Analysis 16(2), section 4): R-hat below 1.01 and a hundred effective
draws in each chain, before quantiles are relied upon.
"""

from collections.abc import Sequence

import numpy as np

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Parameter, Verdict
from latentfit.agreement.verdicts._words import finite_or, judged

POSITION = 30

RHAT = 1.01
ESS_PER_CHAIN = 100
# A region that the sampler cannot enter shows in many draws; a single divergence in thousands of
# draws is a step that was too long in a long tail.
DIVERGENT_SHARE = 1e-3


def verdict(evidence: Evidence) -> Verdict:
    """Judge the chains by R-hat, effective draws and divergences."""
    sampling = evidence.sampling
    return of_diagnostics(
        evidence.parameters, sampling.divergences, sampling.draws, sampling.chains
    )


def of_diagnostics(
    parameters: Sequence[Parameter], divergences: int, draws: int, count: int
) -> Verdict:
    """The verdict from the diagnostics.

    Parameters
    ----------
    parameters : sequence of Parameter
    divergences, draws : int
        In all chains.
    count : int
        Number of chains.
    """
    rows = judged(parameters)
    problems, figures = [], "no parameter is identified, so that R-hat is not judged"
    if rows:
        rhat = max(rows, key=lambda p: finite_or(p.rhat, np.inf))
        ess = min(rows, key=lambda p: finite_or(min(p.ess_bulk, p.ess_tail), -np.inf))
        fewest = min(ess.ess_bulk, ess.ess_tail)
        figures = (
            f"largest R-hat {rhat.rhat:.4f} ({rhat.name}), fewest effective draws {fewest:.0f} "
            f"({ess.name})"
        )
        if not rhat.rhat <= RHAT:
            problems.append(f"R-hat of {rhat.name} is {rhat.rhat:.3f}, above {RHAT}")
        if not fewest >= ESS_PER_CHAIN * count:
            problems.append(
                f"{ess.name} has {fewest:.0f} effective draws, fewer than {ESS_PER_CHAIN * count}"
            )
    if count < 2:
        problems.append("a single chain cannot be compared with another")
    diverged = (
        f"{divergences or 'no'} divergent transition{'' if divergences == 1 else 's'}"
        f"{f' in {draws} draws' if divergences else ''}"
    )
    if divergences > DIVERGENT_SHARE * draws:
        problems.append(diverged)
    detail = "; ".join(problems) if problems else f"{figures}, {diverged}, {count} chains"
    if not (rows or problems):
        return Verdict("chains", "skip", "No parameter to judge the chains by", detail)
    return Verdict(
        "chains",
        "fail" if problems else "pass",
        "The chains cannot be trusted" if problems else "The chains are trustworthy",
        detail,
    )

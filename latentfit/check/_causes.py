"""Findings in the order of their causes, and which finding follows from another.

The M step is given what the E step returns, and EM is run with both. An M step that fails on the
expectations of a wrong E step may be right: it is called again with the right expectations.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from latentfit.check import contract
from latentfit.check._m_step_inputs import right_expectations
from latentfit.check.contract import Contract
from latentfit.check.examination import Examination
from latentfit.check.result import Finding, Outcome

# The lines of a derivation come first, then the steps in the order in which EM calls them. The
# limit point depends on all of them.
_ORDER: Mapping[str, int] = {"line": 0, "E": 2, "M": 4, "log_likelihood": 5, "fixed_point": 6}
# A step that breaks the contract comes before comparisons of what it returns.
_CONTRACT_ORDER: Mapping[str, int] = {"e_step": 1, "m_step": 3}
# Parts of the contract that a right M step may break if its expectations are wrong.
_CONSEQUENCES = frozenset({"returns", "shapes", "values", "support"})


def by_cause(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings in the order of their causes: errors first, consequences last."""

    def order(finding: Finding) -> tuple[bool, bool, int]:
        rank = _ORDER.get(finding.step)
        if rank is None:
            rank = _CONTRACT_ORDER.get(str(finding.evidence.get("function")), 0)
        return finding.severity != "error", finding.follows is not None, rank

    return tuple(sorted(findings, key=order))


def with_consequences(
    examination: Examination, kept: Contract, e_step: Outcome, timeout: float
) -> Outcome:
    """Return the outcome of the contract, with findings marked that follow from the E step.

    Parameters
    ----------
    examination : Examination
    kept : Contract
    e_step : Outcome
        Of the comparison of the E step with the declaration.
    timeout : float
        Seconds for one call of the M step.
    """
    outcome = kept.outcome
    if not any(map(_is_error, e_step.findings)) or not any(map(_may_follow, outcome.findings)):
        return outcome
    fed = {
        trial.label: right_expectations(examination, trial, kept.given, None)
        for trial in examination.trial_points
    }
    own = contract.m_step_breaches(examination, timeout, fed)
    return Outcome(
        outcome.checks,
        tuple(
            replace(finding, follows="E")
            if _may_follow(finding) and _about(finding) not in own
            else finding
            for finding in outcome.findings
        ),
    )


def _is_error(finding: Finding) -> bool:
    return finding.severity == "error"


def _may_follow(finding: Finding) -> bool:
    evidence = finding.evidence
    return evidence.get("function") == "m_step" and evidence.get("part") in _CONSEQUENCES


def _about(finding: Finding) -> tuple[str, str, str]:
    return str(finding.evidence["part"]), "m_step", finding.name

"""Verdict: E step and M step, each by itself, are those of the declaration."""

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Verdict
from latentfit.check import CheckResult

POSITION = 10


def verdict(evidence: Evidence) -> Verdict | None:
    """Report the result of the check; None if no check was asked for."""
    return None if evidence.check is None else of_check(evidence.check)


def of_check(result: CheckResult | str) -> Verdict:
    """The verdict from the check's result, or from the reason why it could not be made."""
    if isinstance(result, str):
        return Verdict("check", "skip", "The derivation was not checked", result)
    first = [finding.message for finding in result.findings[:1]]
    detail = "; ".join([result.verdict, *first])
    if result.passed:
        return Verdict("check", "pass", "The derivation passes its check", detail)
    return Verdict("check", "fail", "The derivation fails its check", detail)

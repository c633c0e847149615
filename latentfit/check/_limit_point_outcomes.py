"""What the check of EM's limit point reports."""

from collections.abc import Mapping, Sequence
from typing import Any

from latentfit.check.result import Check, Finding, Outcome, Severity, Status

# In standard errors: distance of EM's last iterate from the maximum that the tolerance of a run
# may leave.
CONVERGED_STANDARD_ERRORS = 1e-4
# The name of the finding that the gradient is not zero.
NOT_STATIONARY = "not stationary"
_MAX_LISTED = 5


def contradicted(name: str, message: str, evidence: Mapping[str, Any]) -> Outcome:
    """Return the outcome that the limit point is not where EM can converge to.

    Parameters
    ----------
    name : str
        The kind of point, in the finding: ``"saddle"``.
    message : str
        With the numbers that show it.
    evidence : mapping
        These numbers.
    """
    return _reported(name, message, "error", evidence)


def noted(name: str, message: str) -> Outcome:
    """Return the outcome that the limit point is no proper maximum, which is not an error.

    Parameters
    ----------
    name : str
        The kind of point, in the finding: ``"boundary"``.
    message : str
    """
    return _reported(name, message, "warning", {})


def withheld(reason: str) -> Outcome:
    """Return the outcome that it is not known what kind of point the limit point is.

    Parameters
    ----------
    reason : str
        What was not tested, and why.
    """
    return Outcome((Check("fixed_point.maximum", "warn", f"not tested: {reason}"),))


def _reported(name: str, message: str, severity: Severity, evidence: Mapping[str, Any]) -> Outcome:
    status: Status = "fail" if severity == "error" else "warn"
    return Outcome(
        (Check("fixed_point.maximum", status, message),),
        (Finding("fixed_point", name, severity, message, evidence=evidence),),
    )


def maximum(detail: str) -> Outcome:
    """Return the outcome that the limit point is a maximum."""
    return Outcome((Check("fixed_point.maximum", "pass", detail),))


def listed(labels: Sequence[str]) -> str:
    """Return labels of parameters in words, the first few of many."""
    shown = ", ".join(labels[:_MAX_LISTED])
    more = len(labels) - _MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown

"""What the check of EM's limit point reports."""

from collections.abc import Sequence

from latentfit.check.result import Check, Finding, Outcome, Severity, Status

# In standard errors: distance of EM's last iterate from the maximum that the tolerance of a run
# may leave.
CONVERGED_STANDARD_ERRORS = 1e-4
# The name of the finding that the gradient is not zero.
NOT_STATIONARY = "not stationary"
_MAX_LISTED = 5


def reported(name: str, message: str, severity: Severity = "error") -> Outcome:
    """Return the outcome that the limit point is no proper maximum.

    Parameters
    ----------
    name : str
        The kind of point, in the finding: ``"saddle"``.
    message : str
    severity : {"error", "warning"}
    """
    status: Status = "fail" if severity == "error" else "warn"
    return Outcome(
        (Check("fixed_point.maximum", status, message),),
        (Finding("fixed_point", name, severity, message),),
    )


def maximum(detail: str) -> Outcome:
    """Return the outcome that the limit point is a maximum."""
    return Outcome((Check("fixed_point.maximum", "pass", detail),))


def listed(labels: Sequence[str]) -> str:
    """Return labels of parameters in words, the first few of many."""
    shown = ", ".join(labels[:_MAX_LISTED])
    more = len(labels) - _MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown

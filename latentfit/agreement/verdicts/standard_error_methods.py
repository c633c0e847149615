"""Verdict: all methods give the same standard errors."""

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Verdict
from latentfit.agreement.uncertainty import Uncertainty
from latentfit.em.information import METHODS

POSITION = 70


def verdict(evidence: Evidence) -> Verdict:
    """Compare the methods with the exact Hessian of the declaration."""
    return of_uncertainty(evidence.uncertainty)


def of_uncertainty(found: Uncertainty) -> Verdict:
    """The verdict from the standard errors of all methods."""
    problems = {
        method: errors.problem
        for method, errors in found.methods.items()
        if errors.problem and method != "bootstrap"
    }
    if problems:
        return Verdict(
            "errors_routes",
            "warn",
            "The standard errors cannot be interpreted as such",
            next(iter(problems.values())),
        )
    furthest = found.furthest()
    if furthest is None:
        why = "; ".join(f"{METHODS[name]}: {reason}" for name, reason in found.unavailable.items())
        return Verdict("errors_routes", "skip", "Only one method gives standard errors", why)
    method, label, difference = furthest
    numbers = f"the largest relative difference is {difference:.1g} ({METHODS[method]}, {label})"
    if found.same:
        names = ", ".join(METHODS[m] for m in found.methods if m not in ("observed", "bootstrap"))
        return Verdict(
            "errors_routes",
            "pass",
            "All methods give the same standard errors",
            f"{names}, compared with the exact Hessian of the declaration: {numbers}",
        )
    notes = "; ".join(note for errors in found.methods.values() for note in errors.notes)
    return Verdict(
        "errors_routes",
        "warn",
        "Standard errors differ between methods",
        f"{numbers}{f'; {notes}' if notes else ''}",
    )

"""Verdict: standard errors equal the posterior's standard deviations, or it is known why not."""

from collections.abc import Mapping, Sequence

import numpy as np

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Parameter, Verdict
from latentfit.agreement.standard_error_differences import log_ratio
from latentfit.agreement.verdicts._words import judged

POSITION = 80
NEEDS_DRAWS = True

_MAX_LISTED = 4


def verdict(evidence: Evidence) -> Verdict:
    """Compare standard errors with posterior standard deviations."""
    return of_differences(evidence.parameters, evidence.uncertainty.differences)


def of_differences(rows: Sequence[Parameter], found: Mapping[str, str]) -> Verdict:
    """The verdict from the differences and their reasons.

    Parameters
    ----------
    rows : sequence of Parameter
    found : mapping
        ``{label: reason}`` as `explain_differences` returns it.
    """
    usual = [r for r in judged(rows) if np.isfinite(r.em_se) and r.posterior_sd > 0 and r.em_se > 0]
    if not usual:
        return Verdict(
            "errors_vs_posterior",
            "skip",
            "No standard errors to compare with the posterior",
            "no parameter has one",
        )
    furthest = max(usual, key=lambda r: abs(log_ratio(r.em_se, r.posterior_sd)))
    numbers = (
        f"se / posterior sd is furthest from 1 for {furthest.name}, "
        f"{furthest.em_se / furthest.posterior_sd:.2f}"
    )
    differing = {row.name: found[row.name] for row in usual if row.name in found}
    if not differing:
        return Verdict(
            "errors_vs_posterior",
            "pass",
            "Standard errors equal the posterior's standard deviations",
            numbers,
        )
    unexplained = [name for name, reason in differing.items() if not reason]
    if unexplained:
        return Verdict(
            "errors_vs_posterior",
            "warn",
            "Standard errors differ from the posterior's standard deviations",
            f"{numbers}; no known reason explains it for {_listed(unexplained)}",
        )
    first = furthest.name if furthest.name in differing else next(iter(differing))
    return Verdict(
        "errors_vs_posterior",
        "pass",
        "Standard errors differ from the posterior's standard deviations for a known reason",
        f"{numbers}; {first}: {differing[first]}"
        + (f"; {len(differing) - 1} more in the table" if len(differing) > 1 else ""),
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return f"{', '.join(names[:_MAX_LISTED])}{more}"

"""Section: standard errors by several methods, and the missing information."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from latentfit.report.numbers import MISSING, to_uncertainty, two_digits, with_decimals
from latentfit.report.section import ReportSection
from latentfit.report.tables import ReportTable, parameter_table
from latentfit.report.templating import render
from latentfit.report.wording import row_name

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, Parameter, Uncertainty
    from latentfit.em.information import ProfileInterval

POSITION = 40

# The 97.5 % quantile of the standard normal distribution.
_NORMAL_QUANTILE = 1.959964


class _Method(NamedTuple):
    """A method for standard errors: its name, the heading of its column, and the meaning."""

    name: str
    heading: str
    meaning: str


_METHODS = {
    "observed": _Method(
        "The exact Hessian", "Hessian", "from the exact second derivatives of log p(x | θ)"
    ),
    "louis": _Method(
        "Louis' method",
        "Louis",
        "from the complete-data information minus the conditional variance of the complete-data "
        "score",
    ),
    "oakes": _Method(
        "Oakes' method", "Oakes", "from second derivatives of Q(θ | θ') in both its arguments"
    ),
    "supplemented": _Method(
        "Supplemented EM",
        "suppl. EM",
        "supplemented EM: from the derivative of the hand-written EM map and the complete-data "
        "information",
    ),
    "bootstrap": _Method(
        "The bootstrap",
        "bootstrap",
        "standard deviation of EM's estimates on data sets that are drawn at EM's estimate",
    ),
}
_RATE_SOURCES = {
    "oakes": "from the declaration's missing information",
    "supplemented": "from the derivative of the hand-written EM map",
    "run": "from EM's iterations",
}

_TEMPLATE = """
<p>EM by itself gives no standard errors. The table has a column for each method that could be
applied. All methods except the bootstrap compute the same matrix, the observed information, and
have to agree. In large samples, with a weak prior and away from boundaries, the posterior standard
deviation is approximately equal to the standard error.</p>
{{ draw.table(errors) }}
{% if intervals %}{{ draw.table(intervals, "Profile likelihood intervals") }}{% endif %}
{% for sentence in sentences %}
<p class="note">{{ sentence }}</p>
{% endfor %}
"""


def section(comparison: "Comparison") -> ReportSection:
    """Show standard errors by method, profile likelihood intervals, and rates of convergence."""
    found = comparison.uncertainty
    content = render(
        _TEMPLATE,
        errors=_errors(comparison),
        intervals=_intervals(comparison) if found.intervals else None,
        sentences=[*_rates(found), *_unavailable(found), *_bootstrap(found)],
    )
    return ReportSection(
        "uncertainty", "Uncertainty", "Standard errors and missing information", content
    )


def _errors(comparison: "Comparison") -> ReportTable:
    found, missing = comparison.uncertainty, comparison.uncertainty.missing
    columns = [
        (
            _METHODS[method].heading,
            _METHODS[method].meaning,
            lambda p, e=errors: to_uncertainty(e.get(p.name, np.nan), p.posterior_sd),
        )
        for method, errors in found.errors.items()
    ]
    table = parameter_table(
        comparison,
        *columns,
        (
            "posterior sd",
            "posterior standard deviation",
            lambda p: to_uncertainty(p.posterior_sd, p.posterior_sd),
        ),
        (
            "se / sd",
            "standard error of EM's estimate, divided by the posterior standard deviation",
            lambda p: _ratio(p.em_se, p.posterior_sd),
        ),
        (
            "missing",
            "fraction of missing information: the share of the variance of the estimate that would "
            "disappear if the latents were observed",
            lambda p: with_decimals(missing.get(p.name, np.nan), 3),
        ),
    )
    if not any(found.differences.values()):
        return table
    remarks = [found.differences.get(p.name, "") for p in comparison.parameters]
    return ReportTable(
        (*table.columns, ("why se and sd differ", "")),
        tuple((*row, remark) for row, remark in zip(table.rows, remarks, strict=True)),
        remarks=True,
    )


def _intervals(comparison: "Comparison") -> ReportTable:
    intervals = comparison.uncertainty.intervals
    parameters = {p.name: p for p in comparison.parameters}
    rows = [
        (
            row_name(parameters[label]) if label in parameters else label,
            *_interval_ends(interval, parameters.get(label)),
            _interval_remark(interval),
        )
        for label, interval in intervals.items()
    ]
    level = next(iter(intervals.values())).level
    return ReportTable(
        (
            ("parameter", ""),
            ("lower", f"lower end of the {level:.0%} profile likelihood interval"),
            ("upper", f"upper end of the {level:.0%} profile likelihood interval"),
            ("estimate ± 1.96 se", "95 % interval of the normal approximation"),
            ("posterior", "equal-tailed 95 % posterior interval"),
            ("", ""),
        ),
        tuple(rows),
        remarks=True,
    )


def _interval_ends(interval: "ProfileInterval", row: "Parameter | None") -> tuple[str, ...]:
    scale = row.posterior_sd if row else (interval.upper - interval.lower) / 4
    profile = (to_uncertainty(interval.lower, scale), to_uncertainty(interval.upper, scale))
    if row is None:
        return (*profile, MISSING, MISSING)
    half = _NORMAL_QUANTILE * row.em_se
    normal = MISSING
    if np.isfinite(half):
        normal = f"{to_uncertainty(row.em - half, scale)} to {to_uncertainty(row.em + half, scale)}"
    low, high = (to_uncertainty(end, scale) for end in row.eti)
    return (*profile, normal, f"{low} to {high}")


def _interval_remark(interval: "ProfileInterval") -> str:
    sides = zip(("lower", "upper"), interval.ends, strict=True)
    not_found = [f"{side}: {end.value}" for side, end in sides if not end.found]
    return "; ".join(filter(None, (interval.problem, *not_found, *interval.notes)))


def _rates(found: "Uncertainty") -> Iterable[str]:
    rates = found.rates
    values = [
        f"{rates[source]:.4f} {origin}"
        for source, origin in _RATE_SOURCES.items()
        if source in rates
    ]
    if values:
        yield f"Estimates of EM's rate of convergence: {', '.join(values)}."
        if "run" not in rates:
            yield (
                "EM's iterations show no rate of convergence, because EM was accelerated or "
                "converged at once."
            )


def _unavailable(found: "Uncertainty") -> Iterable[str]:
    for method, reason in found.unavailable.items():
        yield f"{_METHODS[method].name} could not be applied: {reason}."


def _bootstrap(found: "Uncertainty") -> Iterable[str]:
    if found.bootstrap is None:
        return
    errors = found.bootstrap.standard_errors
    yield " ".join(
        (
            f"The bootstrap has {len(found.bootstrap.replicates)} replicates. The relative Monte "
            f"Carlo error of its standard errors is at most {errors.precision:.0%}.",
            *(f"{text}." for text in (errors.problem, *errors.notes) if text),
        )
    )


def _ratio(error: float, sd: float) -> str:
    return two_digits(error / sd) if sd > 0 else MISSING

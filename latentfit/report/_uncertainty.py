"""How sure the estimates are, as a table and in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latentfit.report._numbers import MISSING, brief, fixed, to_scale
from latentfit.report._tables import Table, per_parameter
from latentfit.report._words import marked

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, Parameter, Uncertainty
    from latentfit.em.information import ProfileInterval

_ROUTES = {
    "observed": ("Hessian", "from the exact second derivatives of log p(x | θ)"),
    "louis": ("Louis", "complete-data information less the score's conditional variance"),
    "oakes": ("Oakes", "from second derivatives of Q(θ | θ') in both its arguments"),
    "supplemented": ("suppl. EM", "supplemented EM: from the hand-written EM's own derivative"),
    "bootstrap": ("bootstrap", "standard deviation of EM's estimates from data drawn at this one"),
}


@dataclass(frozen=True)
class Section:
    """What the page says of uncertainty.

    Attributes
    ----------
    table : Table
        Standard errors by route, the posterior sd, the share of missing information.
    intervals : Table or None
        Of the profile likelihood, beside others.
    sentences : tuple of str
        On the rate of convergence, on routes that were not taken, on the bootstrap.
    """

    table: Table
    intervals: Table | None
    sentences: tuple[str, ...]


def section(comparison: "Comparison") -> Section:
    """Table and sentences."""
    found = comparison.uncertainty
    return Section(
        _errors(comparison),
        _intervals(comparison) if found.intervals else None,
        tuple(filter(None, (_rates(found), *_untaken(found), _replicates(found)))),
    )


def _errors(comparison: "Comparison") -> Table:
    found, missing = comparison.uncertainty, comparison.uncertainty.missing
    columns = [
        (*_ROUTES[route], lambda p, e=errors: to_scale(e.get(p.name, np.nan), p.posterior_sd))
        for route, errors in found.errors.items()
    ]
    table = per_parameter(
        comparison,
        *columns,
        ("posterior sd", "", lambda p: to_scale(p.posterior_sd, p.posterior_sd)),
        ("se / sd", "of the first", lambda p: _share(p.em_se, p.posterior_sd)),
        (
            "missing",
            "share of the estimate's variance that would not be there if the latents were seen",
            lambda p: fixed(missing.get(p.name, np.nan), 3),
        ),
    )
    if not any(found.differences.values()):
        return table
    remarks = [found.differences.get(p.name, "") for p in comparison.parameters]
    return Table(
        (*table.columns, ("why not the posterior's", "")),
        tuple((*row, remark) for row, remark in zip(table.rows, remarks, strict=True)),
        remarks=True,
    )


def _intervals(comparison: "Comparison") -> Table:
    intervals = comparison.uncertainty.intervals
    by_name = {p.name: p for p in comparison.parameters}
    rows = [
        (
            marked(by_name[label]) if label in by_name else label,
            *_ends(label, one, by_name.get(label)),
            _told(one),
        )
        for label, one in intervals.items()
    ]
    level = next(iter(intervals.values())).level
    return Table(
        (
            ("parameter", ""),
            ("lower", f"end of the profile likelihood interval, {level:.0%}"),
            ("upper", f"end of the profile likelihood interval, {level:.0%}"),
            ("estimate ± 1.96 se", "the parabola's"),
            ("posterior", "equal-tailed interval"),
            ("", ""),
        ),
        tuple(rows),
        remarks=True,
    )


def _ends(label: str, one: "ProfileInterval", row: "Parameter | None") -> tuple[str, ...]:
    scale = row.posterior_sd if row else (one.upper - one.lower) / 4
    profile = (to_scale(one.lower, scale), to_scale(one.upper, scale))
    if row is None:
        return (*profile, MISSING, MISSING)
    half = 1.959964 * row.em_se
    wald = MISSING
    if np.isfinite(half):
        wald = f"{to_scale(row.em - half, scale)} to {to_scale(row.em + half, scale)}"
    return (*profile, wald, f"{to_scale(row.eti[0], scale)} to {to_scale(row.eti[1], scale)}")


def _told(one: "ProfileInterval") -> str:
    ends = zip(("lower", "upper"), one.ends, strict=True)
    said = [f"{side}: {end.value}" for side, end in ends if not end.found]
    return "; ".join(filter(None, (one.problem, *said, *one.notes)))


def _rates(found: "Uncertainty") -> str:
    rates = found.rates
    said = {
        "oakes": "the declaration's missing information gives EM a rate of convergence of",
        "supplemented": "the derivative of the hand-written EM has",
        "run": "its run showed",
    }
    told = [f"{said[source]} {rates[source]:.4f}" for source in said if source in rates]
    if not told:
        return ""
    if "run" not in rates:
        told.append("a run that is accelerated or ends at once shows none")
    text = ", ".join(told)
    return f"{text[0].upper()}{text[1:]}."


def _untaken(found: "Uncertainty") -> Sequence[str]:
    return [f"Not taken, {_ROUTES[route][0]}: {why}." for route, why in found.unavailable.items()]


def _replicates(found: "Uncertainty") -> str:
    if found.bootstrap is None:
        return ""
    errors = found.bootstrap.standard_errors
    total = len(found.bootstrap.replicates)
    more = "".join(f" {text}." for text in (errors.problem, *errors.notes) if text)
    return (
        f"The bootstrap has {total} replicates, and Monte Carlo errors of {errors.precision:.0%} "
        f"at most in its standard errors.{more}"
    )


def _share(error: float, sd: float) -> str:
    return brief(error / sd) if sd > 0 else MISSING

"""Section: the log-likelihood at the estimates, and at the results of all starts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from latentfit.report.numbers import two_digits, with_decimals
from latentfit.report.section import ReportSection
from latentfit.report.tables import ReportTable, numeric_table
from latentfit.report.templating import render

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

POSITION = 50

_TEMPLATE = """
{{ draw.table(estimates, "At the three estimates") }}
{{ draw.table(starts, "Results of all starts") }}
"""


def section(comparison: "Comparison") -> ReportSection:
    """Show log p(x | θ) at EM's estimate, the MLE and the MAP, and at the results of all starts."""
    content = render(_TEMPLATE, estimates=_at_estimates(comparison), starts=_by_start(comparison))
    return ReportSection("log-likelihood", "Log-likelihood", "Log-likelihood", content)


def _at_estimates(comparison: "Comparison") -> ReportTable:
    names = {"em": "EM", "mle": "MLE", "map": "MAP"}
    values = [comparison.log_likelihood.get(key, float("nan")) for key in names]
    return numeric_table("estimate", list(names.values()), _log_likelihood_columns(values))


def _by_start(comparison: "Comparison") -> ReportTable:
    groups = comparison.optima
    columns = _log_likelihood_columns([group.log_likelihood for group in groups])
    columns[("starts", "number of starts with this result")] = [
        str(group.count) for group in groups
    ]
    table = numeric_table("method", [group.method for group in groups], columns)
    if not any(group.note for group in groups):
        return table
    return ReportTable(
        (*table.columns, ("", "")),
        tuple((*row, group.note) for row, group in zip(table.rows, groups, strict=True)),
        remarks=True,
    )


def _log_likelihood_columns(values: Sequence[float]) -> dict[tuple[str, str], list[str]]:
    largest = max((value for value in values if np.isfinite(value)), default=float("nan"))
    return {
        ("log p(x | θ)", "log-likelihood"): [with_decimals(value, 6) for value in values],
        ("below the largest", "difference from the largest log-likelihood of this table"): [
            two_digits(largest - value) for value in values
        ],
    }

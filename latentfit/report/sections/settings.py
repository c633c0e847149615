"""Section: settings, durations and versions of the comparison, and published figures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from latentfit.report.numbers import MISSING, five_digits, seconds, typeset
from latentfit.report.section import ReportSection
from latentfit.report.tables import ReportTable
from latentfit.report.templating import render

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

POSITION = 120

_STAGES = {
    "build_s": "Building the model",
    "complete_s": "Building the complete-data view",
    "check_s": "Checking the derivation",
    "em_s": "EM, all starts",
    "bootstrap_s": "Bootstrap",
    "errors_s": "Standard errors",
    "mle_s": "Direct maximum likelihood",
    "map_s": "Maximum a posteriori",
    "compile_s": "Compiling for NUTS",
    "posterior_s": "NUTS",
    "latents_s": "Recovering the latents",
    "predictive_s": "Posterior predictive",
    "profile_s": "Profile likelihood",
    "verdicts_s": "Verdicts",
}

_TEMPLATE = """
<div class="facts">
<div><h3>Run</h3><dl>
<dt>seed</dt><dd>{{ comparison.seed }}</dd>
{% for name, value in comparison.settings.items() %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}
</dl></div>
<div><h3>Time</h3><dl>
{% for name, value in timings %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}
</dl></div>
<div><h3>Versions</h3><dl>
{% for name, value in comparison.versions.items() %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}
</dl></div>
</div>
{% if published %}
<h3>Published figures</h3>
<p class="note">These figures hold for the data that are named beside them, or else for the example
data of the model. This comparison may have used other data.</p>
{% for source, table in published.items() %}{{ draw.table(table, source) }}{% endfor %}
{% endif %}
"""


def section(comparison: "Comparison") -> ReportSection:
    """Show what is needed to repeat the comparison, and figures from the literature."""
    timings = [
        (_STAGES.get(key, key.removesuffix("_s").replace("_", " ")), seconds(duration))
        for key, duration in comparison.timings.items()
    ]
    content = render(
        _TEMPLATE, comparison=comparison, timings=timings, published=_published(comparison)
    )
    return ReportSection("settings", "Settings", "Settings", content)


def _published(comparison: "Comparison") -> dict[str, ReportTable]:
    """Make a table of published figures for each source."""
    by_source: dict[str, list[tuple[str, ...]]] = {}
    for figure in comparison.published:
        by_source.setdefault(str(figure.get("source", "")), []).append(_row(figure))
    columns = (
        ("figure", ""),
        ("value", ""),
        ("tolerance", "precision with which the value is published"),
        ("data", ""),
    )
    return {source: ReportTable(columns, tuple(rows)) for source, rows in by_source.items()}


def _row(figure: Mapping[str, Any]) -> tuple[str, ...]:
    value, tolerance = figure.get("value"), figure.get("tolerance")
    return (
        str(figure.get("name", "")),
        typeset(f"{value:.10g}" if isinstance(value, float) else str(value)),
        typeset(five_digits(tolerance)) if isinstance(tolerance, float) else MISSING,
        ", ".join(str(figure[key]) for key in ("data", "column") if key in figure),
    )

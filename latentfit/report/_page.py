"""The report as an HTML page, and its fragments for notebooks."""

from typing import TYPE_CHECKING

from latentfit.report.pictures import report_style
from latentfit.report.sections import all_sections
from latentfit.report.sections.check import lay_out_check
from latentfit.report.sections.estimates import estimates_table
from latentfit.report.templating import render_file, style
from latentfit.report.wording import STATUS_WORDS, overall

if TYPE_CHECKING:
    from latentfit.agreement import Comparison
    from latentfit.check import CheckResult


def page(comparison: "Comparison") -> str:
    """Make the page, see `latentfit.report.html`."""
    with report_style():
        sections = all_sections(comparison)
    return render_file(
        "report.html.jinja",
        comparison=comparison,
        banner=overall(comparison),
        sections=sections,
        style=style("report.css"),
    )


def fragment(comparison: "Comparison") -> str:
    """Make the fragment, see `latentfit.report.fragment`."""
    return render_file(
        "fragment.html.jinja",
        banner=overall(comparison),
        estimates=estimates_table(comparison),
        style=style("fragment.css"),
    )


def check_fragment(result: "CheckResult") -> str:
    """Make the fragment, see `latentfit.report.check_fragment`."""
    with report_style():
        check = lay_out_check(result)
    return render_file(
        "check.html.jinja", check=check, status_words=STATUS_WORDS, style=style("fragment.css")
    )

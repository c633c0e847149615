"""Section: the derivation as the author of the model wrote it."""

from typing import TYPE_CHECKING

from latentfit.report.markdown import derivation_html
from latentfit.report.section import ReportSection
from latentfit.report.templating import render

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

POSITION = 110


def section(comparison: "Comparison") -> ReportSection:
    """Show the docstring of the model file, with formulas."""
    content = render("{{ html|safe }}", html=derivation_html(comparison.derivation))
    return ReportSection("derivation", "Derivation", "The derivation", content, prose=True)

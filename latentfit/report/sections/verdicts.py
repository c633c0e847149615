"""Section: the verdicts of the comparison, with the numbers that they rest on."""

from typing import TYPE_CHECKING

from latentfit.report.section import ReportSection
from latentfit.report.templating import render
from latentfit.report.wording import STATUS_WORDS

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

POSITION = 20

_TEMPLATE = """
<ul class="verdicts">
{% for verdict in verdicts %}
<li><span class="status {{ verdict.status }}">{{ status_words[verdict.status] }}</span>
<div><p><b>{{ verdict.title }}</b></p>
{%- if verdict.detail %}<p class="detail">{{ verdict.detail }}</p>{% endif %}</div></li>
{% endfor %}
</ul>
"""


def section(comparison: "Comparison") -> ReportSection:
    """List the verdicts."""
    content = render(_TEMPLATE, verdicts=comparison.verdicts, status_words=STATUS_WORDS)
    return ReportSection("verdicts", "Verdicts", "Verdicts", content)

"""Section: the graph of the declaration."""

from typing import TYPE_CHECKING

from latentfit.report.graph import draw_graph
from latentfit.report.section import ReportSection
from latentfit.report.templating import render

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

POSITION = 100

_TEMPLATE = """
<figure class="wide">
{{ draw.image(graph, min_share=0.7) }}
<figcaption>Ellipses are random variables: parameters have a solid outline, latents a dashed
outline, and observed variables are shaded. Rectangles are data; rounded boxes are deterministic
variables and potentials. The last line of a node gives the dimensions of the variable and their
sizes.</figcaption>
</figure>
"""


def section(comparison: "Comparison") -> ReportSection:
    """Show which variables of the declaration depend on which."""
    graph = draw_graph(comparison.model, comparison.latent_names)
    return ReportSection("model", "Model", "The declaration", render(_TEMPLATE, graph=graph))

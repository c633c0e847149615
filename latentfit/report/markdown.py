"""A derivation, written in Markdown with LaTeX formulas, as HTML."""

import re
from typing import Any

from latentfit.report.mathml import mathml

# Sections of the page have headings of level 2.
_FIRST_HEADING_LEVEL = 3


def derivation_html(text: str) -> str:
    """Render the docstring of a model file for the page.

    HTML in the text is shown as text, pictures are left out, and headings are of a lower level than
    those of the page.

    Parameters
    ----------
    text : str
        Markdown, with formulas between ``$`` or ``$$``.
    """
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def formula(latex: str, options: dict[str, Any]) -> str:
        return mathml(latex, display=options["display_mode"])

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    reader.use(dollarmath_plugin, renderer=formula, double_inline=True, allow_labels=False)
    tokens = reader.parse(text)
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    lower = _FIRST_HEADING_LEVEL - min(levels, default=_FIRST_HEADING_LEVEL)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + lower)}"
    page = str(reader.renderer.render(tokens, reader.options, {}))
    # A formula and the comma that follows it stay on the same line.
    page = re.sub(
        r'(<span class="math inline">(?:(?!</span>).)*</span>[,.;:)]+)',
        r'<span class="unbroken">\1</span>',
        page,
        flags=re.DOTALL,
    )
    # A wide table scrolls by itself instead of widening the page.
    return re.sub(r"(<table>.*?</table>)", r'<div class="scroll">\1</div>', page, flags=re.DOTALL)

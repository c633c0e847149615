"""A derivation, Markdown with LaTeX, as HTML."""

import re
from typing import Any

from latentfit.report._math import mathml

_OUTERMOST = 3


def derivation(text: str) -> str:
    """Render a model's docstring for the page.

    HTML in the text is shown, not obeyed; pictures are not fetched; headings are moved below
    those of the page.

    Parameters
    ----------
    text : str
        Markdown; formulas between ``$`` or ``$$``.
    """
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def formula(latex: str, options: dict[str, Any]) -> str:
        return mathml(latex, display=options["display_mode"])

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    reader.use(dollarmath_plugin, renderer=formula, double_inline=True, allow_labels=False)
    tokens = reader.parse(text)
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    lower = _OUTERMOST - min(levels, default=_OUTERMOST)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + lower)}"
    page = str(reader.renderer.render(tokens, reader.options, {}))
    # No line begins with the comma that follows a formula.
    page = re.sub(
        r'(<span class="math inline">(?:(?!</span>).)*</span>[,.;:)]+)',
        r'<span class="unbroken">\1</span>',
        page,
        flags=re.DOTALL,
    )
    # A wide table scrolls in a box of its own.
    return re.sub(r"(<table>.*?</table>)", r'<div class="scroll">\1</div>', page, flags=re.DOTALL)

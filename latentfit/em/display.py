"""Tables of names and values, as text for a terminal and as HTML for a notebook."""

import html
from collections.abc import Sequence

Rows = Sequence[tuple[str, str]]


def text_table(title: str, rows: Rows) -> str:
    """Format named values below a title, in two aligned columns."""
    width = max(len(name) for name, _ in rows)
    return "\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in rows)])


def html_table(title: str, rows: Rows) -> str:
    """Format named values as an HTML table with a caption."""
    body = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    return f"<table><caption>{html.escape(title)}</caption><tbody>{body}</tbody></table>"

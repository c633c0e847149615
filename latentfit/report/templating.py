"""HTML from templates, in which all text is escaped."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentfit.report.numbers import two_digits, typeset, with_decimals

if TYPE_CHECKING:
    import jinja2

_FOLDER = Path(__file__).parent / "templates"
# Templates of sections may use the macros of this file, such as draw.table and draw.image.
_IMPORT_MACROS = '{% import "_macros.html.jinja" as draw %}\n'


def render_file(name: str, **values: Any) -> str:
    """Render a file of the folder ``templates``."""
    return _environment().get_template(name).render(**values)


def render(template: str, **values: Any) -> str:
    """Render a template that is given as text and may use the macros as ``draw``.

    Returns
    -------
    Markup
        HTML that is not escaped again if it is inserted into another template.
    """
    from markupsafe import Markup

    return Markup(_from_text(template).render(**values))


@cache
def style(name: str) -> str:
    """Read a style sheet, to be inserted into a page."""
    return (_FOLDER / name).read_text(encoding="utf-8")


@cache
def _from_text(template: str) -> "jinja2.Template":
    return _environment().from_string(_IMPORT_MACROS + template)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "two_digits": lambda value: typeset(two_digits(value)),
        "with_decimals": lambda value, decimals: typeset(with_decimals(value, decimals)),
    }
    return environment

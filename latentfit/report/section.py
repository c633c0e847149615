"""A section of the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportSection:
    """A section of the report.

    Attributes
    ----------
    anchor : str
        Its ``id`` in the page.
    label : str
        Its name in the table of contents.
    title : str
    content : str
        HTML, such as `latentfit.report.templating.render` returns it.
    prose : bool
        Whether the content is running text with formulas.
    """

    anchor: str
    label: str
    title: str
    content: str
    prose: bool = False

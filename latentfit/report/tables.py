"""Tables of text, ready to be shown, and the tables that have a row for each parameter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latentfit.report.numbers import MISSING, align_decimals
from latentfit.report.wording import row_name

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, Parameter

# Heading, meaning, and the text of the cell of a parameter.
type ParameterColumn = tuple[str, str, Callable[["Parameter"], str]]


@dataclass(frozen=True)
class ReportTable:
    """Text in rows and columns.

    Attributes
    ----------
    columns : tuple of (str, str)
        Heading and meaning of each column; the meaning is shown when the mouse is over the heading.
    rows : tuple of tuple of str
        The first entry names the row.
    remarks : bool
        Whether the last column holds sentences instead of numbers.
    """

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: bool = False


def numeric_table(
    first_heading: str, names: Sequence[str], columns: Mapping[tuple[str, str], Sequence[str]]
) -> ReportTable:
    """Make a table of named rows, with aligned decimal points in each column.

    Parameters
    ----------
    first_heading : str
        Heading of the column of names.
    names : sequence of str
    columns : mapping
        ``{(heading, meaning): cells}``, a cell for each name.
    """
    cells = [align_decimals(column) for column in columns.values()]
    return ReportTable(((first_heading, ""), *columns), tuple(zip(names, *cells, strict=True)))


def parameter_table(comparison: "Comparison", *columns: ParameterColumn) -> ReportTable:
    """Make a table with a row for each scalar parameter."""
    rows = comparison.parameters
    return numeric_table(
        "parameter",
        [row_name(row) for row in rows],
        {(heading, meaning): [cell(row) for row in rows] for heading, meaning, cell in columns},
    )


def if_identified(parameter: "Parameter", number: str) -> str:
    """Return a number that is meaningful only for identified parameters, else a dash."""
    return number if parameter.identified else MISSING

"""Read a CSV file as a table of named columns. Needs the standard library and NumPy only."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latentfit.errors import InputError

# Cells that stand for a missing value, in lower case.
_MISSING_CELLS = frozenset({"", "na", "nan", "null"})

_MAX_QUOTED_CHARACTERS = 40


@dataclass(frozen=True)
class CsvTable(Mapping[str, np.ndarray]):
    """A CSV file with a header, whose columns are converted to numbers on first use.

    ``table[name]`` is a float64 array of shape (rows,) that is NaN where a value is missing. It
    raises `InputError` if the column holds text, an infinite value or nothing but missing values;
    so does ``name in table``.

    Attributes
    ----------
    path : Path
        The file.
    cells : mapping
        The text of the cells below the header, by the name of their column.
    """

    path: Path
    cells: Mapping[str, tuple[str, ...]]
    _line_numbers: tuple[int, ...] = field(repr=False)
    _converted: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a copy of a column as numbers."""
        if name not in self._converted:
            self._converted[name] = self._convert(name)
        return self._converted[name].copy()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the columns in the order of the file."""
        return iter(self.cells)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.cells)

    def _convert(self, name: str) -> np.ndarray:
        cells = self.cells[name]
        values = _convert_finite(cells)
        if values is None:
            numbered = zip(self._line_numbers, cells, strict=True)
            values = np.array([self._convert_cell(name, line, text) for line, text in numbered])
        if np.isnan(values).all():
            raise InputError(f"{self.path}: column {name!r} holds nothing but missing values")
        return values

    def _convert_cell(self, name: str, line: int, text: str) -> float:
        try:
            value = _convert_text(text)
        except ValueError:
            raise InputError(
                f"{self.path}, line {line}: column {name!r} holds {_quoted(text)}; "
                f"expected a number"
            ) from None
        if math.isinf(value):
            raise InputError(
                f"{self.path}, line {line}: column {name!r} holds {text.strip()}; "
                f"values must be finite"
            )
        return value


def read_table(path: str | Path) -> CsvTable:
    """Read a CSV file in UTF-8 with a header line and cells separated by commas.

    Blank lines are ignored. A first column without a name is taken for row names and left out.

    Raises
    ------
    InputError
        If there is no such file; if the file is not a text file, or has no header or no rows; if
        a row has more or fewer cells than the header; or if the file has one column and a blank
        line, which could be a missing value.
    """
    path = Path(path)
    lines = _read_lines(path)
    while lines and not lines[-1][1]:
        lines.pop()
    rows = [(line, cells) for line, cells in lines if cells]
    if not rows:
        raise InputError(f"{path}: the file is empty; expected a header line and rows")
    header = [name.strip() for name in rows[0][1]]
    _check_header(path, header)
    if len(header) == 1:
        for line, cells in lines[lines.index(rows[0]) :]:
            if not cells:
                raise InputError(f"{path}, line {line}: blank line; write NA for a missing value")
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {line}: {_counted(len(row), 'cell')}, but the header has "
                f"{len(header)}"
            )
    if len(rows) == 1:
        raise InputError(f"{path}: a header line, but no rows below it")
    columns = zip(*(cells for _, cells in rows[1:]), strict=True)
    named = {name: column for name, column in zip(header, columns, strict=True) if name}
    return CsvTable(path, named, tuple(line for line, _ in rows[1:]))


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return the line number and the cells of every line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: this is a folder; expected a CSV file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8; expected a CSV file") from None
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: invalid CSV: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _check_header(path: Path, header: Sequence[str]) -> None:
    if all(_is_number_or_missing(name) for name in header):
        raise InputError(f"{path}: no header: the first line must name the columns")
    earlier: set[str] = set()
    for position, name in enumerate(header, 1):
        if not name and position > 1:
            raise InputError(f"{path}: column {position} has no name in the header")
        if name in earlier:
            raise InputError(f"{path}: two columns are named {_quoted(name)}")
        earlier.add(name)


def _is_number_or_missing(text: str) -> bool:
    try:
        _convert_text(text)
    except ValueError:
        return False
    return True


def _convert_finite(cells: Sequence[str]) -> np.ndarray | None:
    """Convert all cells at once; None unless all are finite numbers."""
    try:
        values = np.array(cells, dtype=float)
    except ValueError:
        return None
    return values if np.isfinite(values).all() and "_" not in "".join(cells) else None


def _convert_text(text: str) -> float:
    if text.strip().lower() in _MISSING_CELLS:
        return math.nan
    # Python accepts 1_000 as a number, but in a table it is text.
    if "_" in text:
        raise ValueError
    return float(text)


def _quoted(text: str) -> str:
    if len(text) <= _MAX_QUOTED_CHARACTERS:
        return repr(text)
    return repr(text[: _MAX_QUOTED_CHARACTERS - 3] + "...")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

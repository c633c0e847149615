"""Columns of a CSV file as the data of a model. Needs the standard library and NumPy only."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from latentfit.errors import InputError

_MISSING = frozenset({"", "na", "nan", "null"})


@dataclass(frozen=True)
class Table(Mapping[str, np.ndarray]):
    """A CSV file with a header, its columns turned into numbers when they are first asked for.

    ``table[name]`` is a float64 array of shape (rows,), NaN where the cell is missing. It raises
    `InputError` for a column with text, an infinite value or nothing but missing values.
    """

    path: Path
    cells: Mapping[str, tuple[str, ...]]
    _lines: tuple[int, ...] = field(repr=False)
    _found: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._found:
            self._found[name] = self._numbers(name)
        return self._found[name].copy()

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def _numbers(self, name: str) -> np.ndarray:
        cells = self.cells[name]
        values = _plain(cells)
        if values is None:
            lines = zip(self._lines, cells, strict=True)
            values = np.array([self._number(name, line, text) for line, text in lines])
        if np.isnan(values).all():
            raise InputError(f"{self.path}: column {name!r} holds nothing but missing values")
        return values

    def _number(self, name: str, line: int, text: str) -> float:
        try:
            value = _parsed(text)
        except ValueError:
            raise InputError(
                f"{self.path}, line {line}: column {name!r} holds {_quoted(text)} "
                f"where a number belongs"
            ) from None
        if math.isinf(value):
            raise InputError(
                f"{self.path}, line {line}: column {name!r} holds {text.strip()}; "
                f"values must be finite"
            )
        return value


def read_table(path: str | Path) -> Table:
    """Read a CSV file: UTF-8, a header line, cells separated by commas.

    Blank lines are passed over. A first column without a name holds names of rows and is left
    out.

    Raises
    ------
    InputError
        No such file, not a text file, no header, no rows, a row with more or fewer cells than
        the header, or, where there is one column, a blank line that may be a missing value.
    """
    path = Path(path)
    lines = _lines(path)
    while lines and not lines[-1][1]:
        lines.pop()
    rows = [(line, cells) for line, cells in lines if cells]
    if not rows:
        raise InputError(f"{path}: the file is empty; a header line and rows were expected")
    header = [name.strip() for name in rows[0][1]]
    _check_header(path, header)
    if len(header) == 1:
        for line, cells in lines[lines.index(rows[0]) :]:
            if not cells:
                raise InputError(f"{path}, line {line}: blank; write NA for a missing value")
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {line}: {_counted(len(row), 'cell')}, where the header has "
                f"{len(header)}"
            )
    if len(rows) == 1:
        raise InputError(f"{path}: a header, and no rows below it")
    columns = zip(*(cells for _, cells in rows[1:]), strict=True)
    named = {name: column for name, column in zip(header, columns, strict=True) if name}
    return Table(path, named, tuple(line for line, _ in rows[1:]))


def read_columns(path: str | Path, columns: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Read columns of a CSV file as numbers.

    Parameters
    ----------
    path : str or Path
        UTF-8 with a header line. An empty cell, ``NA``, ``NaN`` and ``null`` are missing values.
    columns : sequence of str, optional
        By default those that hold nothing but numbers and missing values.

    Returns
    -------
    dict
        float64 arrays of shape (rows,), NaN where missing.

    Raises
    ------
    InputError
        The file cannot be read as a table, a column is not in it, or holds text, infinite
        values or nothing but missing values.
    """
    table = read_table(path)
    if columns is None:
        return {name: table[name] for name in _numeric(table)}
    return {name: _column(table, name) for name in columns}


def bind(
    arguments: Sequence[str],
    columns: Mapping[str, np.ndarray],
    chosen: Sequence[str] = (),
    matrices: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Say which columns are which data of a model.

    An argument that is not chosen takes the column of its own name. Failing that, the only
    argument of a model takes the only numeric column, and the only argument that holds a matrix
    takes all numeric columns that no other argument has.

    Parameters
    ----------
    arguments : sequence of str
        Data arguments of the model.
    columns : mapping
        ``{column: array}``, such as a `Table`.
    chosen : sequence of str
        Each ``argument=column,column,...``, or the columns alone where there is one argument.
        Several for the same argument stand side by side, as the columns of a matrix.
    matrices : sequence of str
        Arguments that hold a matrix; one column of theirs stays a matrix.

    Returns
    -------
    dict
        ``{argument: array}`` of shape (rows,), or (rows, columns chosen).

    Raises
    ------
    InputError
        A column or argument that is not there, an argument left without a column, or a column
        that does not hold numbers.
    """
    bound = {}
    for argument, names in assign(arguments, columns, chosen, matrices).items():
        arrays = [_column(columns, name) for name in names]
        single = len(arrays) == 1 and argument not in matrices
        bound[argument] = arrays[0] if single else np.column_stack(arrays)
    return bound


def assign(
    arguments: Sequence[str],
    columns: Mapping[str, Any],
    chosen: Sequence[str] = (),
    matrices: Sequence[str] = (),
) -> dict[str, list[str]]:
    """The names of the columns that `bind` takes for each argument, itself without reading them.

    Of a column that does not hold numbers ``columns[name]`` raises `InputError`.
    """
    picked: dict[str, list[str]] = {}
    for choice in chosen:
        argument, names = _choice(arguments, columns, choice)
        picked.setdefault(argument, []).extend(names)
    wide = [name for name in arguments if name in matrices and name not in picked]
    for argument in arguments:
        if argument not in picked and not (wide == [argument] and argument not in columns):
            picked[argument] = [_unchosen(argument, arguments, columns)]
    for argument in wide[:1]:
        if argument not in picked:
            taken = {name for names in picked.values() for name in names}
            picked[argument] = [name for name in _numeric(columns) if name not in taken]
            if not picked[argument]:
                raise InputError(f"no column of numbers is left for {argument!r}")
    for names in picked.values():
        for name in names:
            _column(columns, name)
    return {argument: picked[argument] for argument in arguments}


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Number and cells of every line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, where a CSV file was expected") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8; a CSV file was expected") from None
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _check_header(path: Path, header: Sequence[str]) -> None:
    if all(_is_value(name) for name in header):
        raise InputError(f"{path}: no header: the first line should name the columns")
    for position, name in enumerate(header, 1):
        if not name and position > 1:
            raise InputError(f"{path}: column {position} has no name in the header")
        if name in header[: position - 1]:
            raise InputError(f"{path}: two columns are named {name!r}")


def _is_value(text: str) -> bool:
    try:
        _parsed(text)
    except ValueError:
        return False
    return True


def _plain(cells: Sequence[str]) -> np.ndarray | None:
    """All cells at once, if they are nothing but finite numbers."""
    try:
        values = np.array(cells, dtype=float)
    except ValueError:
        return None
    return values if np.isfinite(values).all() and "_" not in "".join(cells) else None


def _parsed(text: str) -> float:
    if text.strip().lower() in _MISSING:
        return math.nan
    # Python's own literals may hold underscores; a table's numbers do not.
    if "_" in text:
        raise ValueError
    return float(text)


def _choice(
    arguments: Sequence[str], columns: Mapping[str, Any], choice: str
) -> tuple[str, list[str]]:
    argument, separator, listed = choice.partition("=")
    if separator and argument in arguments:
        return argument, _listed(columns, listed)
    if len(arguments) == 1 and (choice in columns or not separator):
        return arguments[0], _listed(columns, choice)
    if separator:
        raise InputError(
            f"the model takes no data named {argument!r}; it takes {', '.join(arguments)}"
        )
    raise InputError(
        f"the model takes {', '.join(arguments)}: which of them is column {choice!r}? "
        f"Say --column {arguments[0]}={choice}, for instance"
    )


def _listed(columns: Mapping[str, Any], text: str) -> list[str]:
    """The columns in a list separated by commas; a column's own name may hold some."""
    return [text] if text in columns else [name.strip() for name in text.split(",")]


def _unchosen(argument: str, arguments: Sequence[str], columns: Mapping[str, Any]) -> str:
    if argument in columns:
        return argument
    if len(columns) == 1 and len(arguments) == 1:
        return next(iter(columns))
    numeric = _numeric(columns)
    if len(arguments) == 1 and len(numeric) == 1:
        return numeric[0]
    raise InputError(
        f"no column {argument!r}: the model takes {', '.join(arguments)}, and the columns are "
        f"{', '.join(columns)} (of numbers: {', '.join(numeric) or 'none'}); "
        f"choose with --column {argument}=COLUMN"
    )


def _column(columns: Mapping[str, Any], name: str) -> Any:
    if name not in columns:
        path = getattr(columns, "path", None)
        where = f"{path}: " if path else ""
        raise InputError(f"{where}no column {name!r}; the columns are {', '.join(columns)}")
    return columns[name]


def _numeric(columns: Mapping[str, Any]) -> list[str]:
    names = []
    for name in columns:
        try:
            columns[name]
        except InputError:
            continue
        names.append(name)
    return names


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

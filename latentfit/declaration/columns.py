"""Choose which columns of a table are which data arguments of a model.

A table is any mapping from column names to arrays that raises `InputError` for a column that
does not hold numbers, such as `latentfit.declaration.csv_table.CsvTable`. Where a table has an
attribute ``path``, error messages name that file.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentfit.declaration.csv_table import read_table
from latentfit.errors import InputError

_MAX_LISTED_NAMES = 12


def read_columns(path: str | Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Read columns of a CSV file as numbers.

    Parameters
    ----------
    path : str or Path
        A file in UTF-8 with a header line. An empty cell, ``NA``, ``NaN`` and ``null`` are missing
        values.
    names : sequence of str, optional
        Names of the columns. By default all columns that hold numbers and missing values only.

    Returns
    -------
    dict
        A float64 array of shape (rows,) for each column, NaN where a value is missing.

    Raises
    ------
    InputError
        If the file cannot be read as a table; or if a column does not exist, or holds text, an
        infinite value or nothing but missing values.
    """
    table = read_table(path)
    if names is None:
        return {name: table[name] for name in _numeric_names(table)}
    return {name: _column(table, name) for name in names}


def bind_columns(
    arguments: Sequence[str],
    columns: Mapping[str, np.ndarray],
    choices: Sequence[str] = (),
    matrices: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Assemble the data arguments of a model from the columns of a table.

    An argument without a choice gets the column of its own name. If there is no such column, the
    only argument of a model gets the only numeric column, and the only matrix argument without a
    choice gets all numeric columns that no other argument has.

    Parameters
    ----------
    arguments : sequence of str
        Names of the model's data arguments.
    columns : mapping
        ``{column: array}``, such as a `latentfit.declaration.csv_table.CsvTable`.
    choices : sequence of str
        Each is ``argument=column,column,...``, or ``column,column,...`` if the model has one
        argument. Several columns of one argument become the columns of a matrix.
    matrices : sequence of str
        Names of the arguments that are matrices. One column of such an argument becomes a matrix
        with one column.

    Returns
    -------
    dict
        ``{argument: array}`` of shape (rows,) or (rows, columns of the argument).

    Raises
    ------
    InputError
        If a chosen column or argument does not exist, an argument has no column, or a column does
        not hold numbers.
    """
    bound = {}
    for argument, names in assign_columns(arguments, columns, choices, matrices).items():
        arrays = [_column(columns, name) for name in names]
        is_vector = len(arrays) == 1 and argument not in matrices
        bound[argument] = arrays[0] if is_vector else np.column_stack(arrays)
    return bound


def assign_columns(
    arguments: Sequence[str],
    columns: Mapping[str, Any],
    choices: Sequence[str] = (),
    matrices: Sequence[str] = (),
) -> dict[str, list[str]]:
    """Return the names of the columns that `bind_columns` takes for each argument.

    Parameters and exceptions are those of `bind_columns`. The values of `columns` are not used,
    except that ``columns[name]`` raises `InputError` for a column that does not hold numbers.
    """
    assigned: dict[str, list[str]] = {}
    for choice in choices:
        argument, names = _split_choice(arguments, columns, choice)
        assigned.setdefault(argument, []).extend(names)
    open_matrices = [name for name in arguments if name in matrices and name not in assigned]
    for argument in arguments:
        takes_remaining_columns = open_matrices == [argument] and argument not in columns
        if argument not in assigned and not takes_remaining_columns:
            assigned[argument] = [_default_column(argument, arguments, columns)]
    for argument in open_matrices[:1]:
        if argument not in assigned:
            taken = {name for names in assigned.values() for name in names}
            assigned[argument] = [name for name in _numeric_names(columns) if name not in taken]
            if not assigned[argument]:
                raise InputError(f"no column of numbers is left for {argument!r}")
    for names in assigned.values():
        for name in names:
            _column(columns, name)
    return {argument: assigned[argument] for argument in arguments}


def _split_choice(
    arguments: Sequence[str], columns: Mapping[str, Any], choice: str
) -> tuple[str, list[str]]:
    """Return the argument and the column names of a choice."""
    argument, separator, listed = choice.partition("=")
    if separator and argument in arguments:
        return argument, _split_names(columns, listed)
    if len(arguments) == 1 and (choice in columns or not separator):
        return arguments[0], _split_names(columns, choice)
    if separator:
        raise InputError(
            f"the model takes no data named {argument!r}; it takes {', '.join(arguments)}"
        )
    raise InputError(
        f"the model takes {', '.join(arguments)}; name the argument that column {choice!r} is "
        f"for, as in --column {arguments[0]}={choice}"
    )


def _split_names(columns: Mapping[str, Any], text: str) -> list[str]:
    """Split names at commas, unless the whole text is the name of a column."""
    return [text] if text in columns else [name.strip() for name in text.split(",")]


def _default_column(argument: str, arguments: Sequence[str], columns: Mapping[str, Any]) -> str:
    """Return the column of an argument without a choice that is not a matrix of several."""
    if argument in columns:
        return argument
    if len(columns) == 1 and len(arguments) == 1:
        return next(iter(columns))
    numeric = _numeric_names(columns)
    if len(arguments) == 1 and len(numeric) == 1:
        return numeric[0]
    raise InputError(
        f"no column {argument!r}: the model takes {', '.join(arguments)}, and the columns are "
        f"{_listed(columns)} (numeric columns: {_listed(numeric) or 'none'}); "
        f"choose one with --column {argument}=COLUMN"
    )


def _column(columns: Mapping[str, Any], name: str) -> Any:
    if name not in columns:
        path = getattr(columns, "path", None)
        where = f"{path}: " if path else ""
        raise InputError(f"{where}no column {name!r}; the columns are {_listed(columns)}")
    return columns[name]


def _listed(names: Iterable[str]) -> str:
    """Enumerate names; of many, the first ones and how many there are besides."""
    names = list(names)
    if len(names) <= _MAX_LISTED_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:_MAX_LISTED_NAMES])} and {len(names) - _MAX_LISTED_NAMES} others"


def _numeric_names(columns: Mapping[str, Any]) -> list[str]:
    names = []
    for name in columns:
        try:
            columns[name]
        except InputError:
            continue
        names.append(name)
    return names

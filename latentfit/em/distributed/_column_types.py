"""Columns of tables that are not in memory, as the data of a model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentfit.declaration.data import Data, numeric_array
from latentfit.errors import InputError


class ColumnTypes(Mapping[str, Any]):
    """The columns of a table that has not been read, ``{name: type}``.

    Looking up a column that is not numeric raises an `InputError`.

    Parameters
    ----------
    types : mapping
        ``{name: (numeric, type)}``: whether the column is numeric, and the name of its type.
    path : Path, optional
        The file, for messages.

    Attributes
    ----------
    path : Path or None
    """

    def __init__(self, types: Mapping[str, tuple[bool, str]], path: Path | None = None) -> None:
        self._types = types
        self.path = path

    def __getitem__(self, name: str) -> str:
        """Return the type of a numeric column."""
        numeric, kind = self._types[name]
        if not numeric:
            file = f"{self.path}: " if self.path else ""
            raise InputError(f"{file}column {name!r} contains {kind}, expected numbers")
        return kind

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the columns."""
        return iter(self._types)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self._types)


def arrays_from_columns(
    columns: Mapping[str, Sequence[str]],
    matrices: frozenset[str],
    column: Callable[[str], np.ndarray],
) -> Data:
    """Stack the columns of each argument.

    Parameters
    ----------
    columns : mapping
        ``{argument: names of its columns}``.
    matrices : frozenset of str
        Arguments that are matrices even if they have a single column.
    column : callable
        ``column(name)`` returns the values of a column, shape (rows,).

    Returns
    -------
    dict of ndarray
        ``{argument: array}``, of shape (rows,) or (rows, columns).
    """
    data = {}
    for argument, names in columns.items():
        arrays = [column(name) for name in names]
        is_vector = len(arrays) == 1 and argument not in matrices
        array = arrays[0] if is_vector else np.column_stack(arrays)
        data[argument] = numeric_array(argument, array)
    return data

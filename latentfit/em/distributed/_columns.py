"""Columns of tables that are not in memory, as the data of a model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentfit import declaration as declared
from latentfit.declaration import Data
from latentfit.errors import InputError


class Columns(Mapping[str, Any]):
    """The columns of a table that is not read yet, by name; not numbers are refused."""

    def __init__(self, kinds: Mapping[str, tuple[bool, str]], path: Path | None = None) -> None:
        self._kinds = kinds
        self.path = path

    def __getitem__(self, name: str) -> str:
        numeric, kind = self._kinds[name]
        if not numeric:
            where = f"{self.path}: " if self.path else ""
            raise InputError(f"{where}column {name!r} holds {kind}, where numbers belong")
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def side_by_side(
    columns: Mapping[str, Sequence[str]],
    matrices: frozenset[str],
    column: Callable[[str], np.ndarray],
) -> Data:
    """``{argument: array}`` from the columns of each."""
    found = {}
    for argument, names in columns.items():
        arrays = [column(name) for name in names]
        single = len(arrays) == 1 and argument not in matrices
        array = arrays[0] if single else np.column_stack(arrays)
        found[argument] = declared.numbers(argument, array)
    return found

"""A folder of Parquet files in chunks of row groups, which the workers read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latentfit.declaration.columns import assign_columns
from latentfit.declaration.data import Data
from latentfit.em.distributed._chunked_data import ChunkedData
from latentfit.em.distributed._column_types import ColumnTypes, arrays_from_columns
from latentfit.errors import InputError

# Row groups are combined into chunks of up to this many numbers, 8 MiB. An E step needs several
# times as much memory, and takes long enough to outweigh the cost of scheduling a task.
_MAX_NUMBERS_IN_CHUNK = 2**20


@dataclass(frozen=True)
class _RowGroupLoader:
    """Read the columns of a chunk's row groups."""

    columns: Mapping[str, Sequence[str]]
    matrices: frozenset[str]

    def __call__(self, chunk: "_RowGroups") -> Data:
        import pyarrow as pa
        import pyarrow.parquet as pq

        needed = list(dict.fromkeys(name for names in self.columns.values() for name in names))
        tables = []
        for path, groups in chunk.files:
            try:
                with pq.ParquetFile(path) as file:
                    table = file.read_row_groups(list(groups), columns=needed)
            except (OSError, pa.ArrowException) as error:
                raise InputError(_unreadable(path, error)) from error
            tables.append(
                [np.asarray(table.column(name).cast(pa.float64()).to_numpy()) for name in needed]
            )
        values = dict(zip(needed, map(np.concatenate, zip(*tables, strict=True)), strict=True))
        return arrays_from_columns(self.columns, self.matrices, values.__getitem__)


@dataclass(frozen=True)
class _RowGroups:
    """The row groups of a chunk, ((path, numbers of its row groups), ...)."""

    files: tuple[tuple[str, tuple[int, ...]], ...]


def from_files(
    folder: Path, arguments: Sequence[str], chosen: Sequence[str], matrices: Sequence[str]
) -> ChunkedData:
    """Divide a folder of Parquet files into chunks of row groups.

    Only the files' metadata are read.

    Parameters
    ----------
    folder : Path
        Searched recursively for ``*.parquet``.
    arguments, chosen, matrices : sequence of str
        As in `chunked_data`.

    Raises
    ------
    InputError
        The folder does not exist or has no rows in Parquet files, a file cannot be read, or a
        column is missing or not numeric.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not folder.is_dir():
        problem = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {problem}; expected a folder of Parquet files")
    paths = sorted(path for path in folder.rglob("*.parquet") if path.is_file())
    if not paths:
        raise InputError(f"{folder}: no Parquet files in this folder (*.parquet)")
    assigned: dict[str, list[str]] | None = None
    groups: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                schema, footer = file.schema_arrow, file.metadata
        except (OSError, pa.ArrowException) as error:
            raise InputError(_unreadable(path, error)) from error
        types = {field.name: (_is_numeric(field.type), str(field.type)) for field in schema}
        columns = ColumnTypes(types, path)
        if assigned is None:
            assigned = assign_columns(arguments, columns, chosen, matrices)
            names = {name for listed in assigned.values() for name in listed}
        for name in names:
            if name not in columns:
                raise InputError(
                    f"{path}: no column {name!r}, which {paths[0].name} has; "
                    f"its columns are {', '.join(columns)}"
                )
            columns[name]  # raises an error if the column is not numeric
        counts = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
        absolute = str(path.resolve())
        groups += [(absolute, group, n * len(names)) for group, n in enumerate(counts) if n]
    if not groups or assigned is None:
        raise InputError(f"{folder}: the files have no rows")
    chunks = tuple(_combined(groups))
    return ChunkedData(
        chunks,
        tuple(_label(chunk) for chunk in chunks),
        _RowGroupLoader(assigned, frozenset(matrices)),
        {},
    )


def _combined(groups: Sequence[tuple[str, int, int]]) -> Iterator[_RowGroups]:
    """Combine consecutive row groups (path, number, count of numbers) into chunks."""
    chunk: dict[str, tuple[int, ...]] = {}
    size = 0
    for path, group, count in groups:
        if chunk and size + count > _MAX_NUMBERS_IN_CHUNK:
            yield _RowGroups(tuple(chunk.items()))
            chunk, size = {}, 0
        chunk[path] = (*chunk.get(path, ()), group)
        size += count
    yield _RowGroups(tuple(chunk.items()))


def _label(chunk: _RowGroups) -> str:
    (path, groups), more = chunk.files[0], len(chunk.files) - 1
    further = f" and {more} more file{'s' if more > 1 else ''}" if more else ""
    return f"{path} from row group {groups[0]}{further}"


def _is_numeric(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )


def _unreadable(path: Any, error: Exception) -> str:
    return f"{path}: not a readable Parquet file ({' '.join(str(error).split())})"

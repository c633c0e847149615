"""A folder of Parquet files, read where the E steps are, by row groups."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latentfit import declaration as declared
from latentfit.declaration import Data
from latentfit.em.distributed._columns import Columns, side_by_side
from latentfit.em.distributed._part import Parts
from latentfit.errors import InputError

# Row groups are read together up to so many numbers, 8 MiB of them: an E step makes several times
# as much of each, and takes long enough for what it costs to hand out a task.
_TOGETHER = 2**20


@dataclass(frozen=True)
class _RowGroups:
    columns: Mapping[str, Sequence[str]]
    matrices: frozenset[str]

    def __call__(self, chunk: "_Chunk") -> Data:
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = list(dict.fromkeys(name for names in self.columns.values() for name in names))
        tables = []
        for path, groups in chunk.files:
            try:
                with pq.ParquetFile(path) as file:
                    table = file.read_row_groups(list(groups), columns=wanted)
            except (OSError, pa.ArrowException) as error:
                raise InputError(_unreadable(path, error)) from error
            tables.append(
                [np.asarray(table.column(name).cast(pa.float64()).to_numpy()) for name in wanted]
            )
        values = dict(zip(wanted, map(np.concatenate, zip(*tables, strict=True)), strict=True))
        return side_by_side(self.columns, self.matrices, values.__getitem__)


def from_files(
    folder: Path, arguments: Sequence[str], chosen: Sequence[str], matrices: Sequence[str]
) -> Parts:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; a folder of Parquet files was expected")
    paths = sorted(path for path in folder.rglob("*.parquet") if path.is_file())
    if not paths:
        raise InputError(f"{folder}: no Parquet files in this folder (*.parquet)")
    assigned: dict[str, list[str]] | None = None
    pieces: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                schema, footer = file.schema_arrow, file.metadata
        except (OSError, pa.ArrowException) as error:
            raise InputError(_unreadable(path, error)) from error
        kinds = {field.name: (_is_numeric(field.type), str(field.type)) for field in schema}
        columns = Columns(kinds, path)
        if assigned is None:
            assigned = declared.assign(arguments, columns, chosen, matrices)
            names = {name for listed in assigned.values() for name in listed}
        for name in names:
            if name not in columns:
                raise InputError(
                    f"{path}: no column {name!r}, which {paths[0].name} has; "
                    f"its columns are {', '.join(columns)}"
                )
            columns[name]
        counts = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
        absolute = str(path.resolve())
        pieces += [(absolute, g, n * len(names)) for g, n in enumerate(counts) if n]
    if not pieces or assigned is None:
        raise InputError(f"{folder}: the files have no rows")
    chunks = tuple(_gathered(pieces))
    return Parts(
        chunks,
        tuple(_label(chunk) for chunk in chunks),
        _RowGroups(assigned, frozenset(matrices)),
        {},
    )


@dataclass(frozen=True)
class _Chunk:
    """Which row groups of which files."""

    files: tuple[tuple[str, tuple[int, ...]], ...]


def _gathered(pieces: Sequence[tuple[str, int, int]]) -> Iterator[_Chunk]:
    """Row groups that follow one another, as many as are read together."""
    chunk: dict[str, tuple[int, ...]] = {}
    size = 0
    for path, group, count in pieces:
        if chunk and size + count > _TOGETHER:
            yield _Chunk(tuple(chunk.items()))
            chunk, size = {}, 0
        chunk[path] = (*chunk.get(path, ()), group)
        size += count
    yield _Chunk(tuple(chunk.items()))


def _label(chunk: _Chunk) -> str:
    (path, groups), more = chunk.files[0], len(chunk.files) - 1
    beyond = f" and {more} more file{'s' if more > 1 else ''}" if more else ""
    return f"{path} from row group {groups[0]}{beyond}"


def _is_numeric(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )


def _unreadable(path: Any, error: Exception) -> str:
    return f"{path}: not a Parquet file that can be read ({' '.join(str(error).split())})"

"""Dask arrays, one for each argument, that are split in the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.declaration.data import Data, by_argument, numeric_array, validate_data
from latentfit.em.distributed._chunked_data import ChunkedData
from latentfit.em.distributed._recognition import is_dask_collection
from latentfit.errors import InputError


@dataclass(frozen=True)
class _BlockLoader:
    """Convert the blocks of a chunk, one for each argument, to arrays."""

    names: tuple[str, ...]

    def __call__(self, chunk: Sequence[Any]) -> Data:
        blocks = zip(self.names, chunk, strict=True)
        return {name: numeric_array(name, block) for name, block in blocks}


def from_arrays(data: Any, arguments: Sequence[str]) -> ChunkedData:
    """Divide Dask arrays into their chunks of rows.

    Parameters
    ----------
    data : mapping or Dask array
        As in `chunked_data`.
    arguments : sequence of str
        The arguments of the model.

    Raises
    ------
    InputError
        An argument is missing or unknown, or arrays are not split in the same rows.
    """
    from dask.delayed import delayed

    if is_dask_collection(data) and len(arguments) != 1:
        raise InputError(f"the model takes {', '.join(arguments)}: give them by name")
    named = {arguments[0]: data} if is_dask_collection(data) else by_argument(data, arguments)
    for unknown in named.keys() - set(arguments):
        raise InputError(f"the model takes no data named {unknown!r}, only {', '.join(arguments)}")
    for argument in arguments:
        if argument not in named:
            raise InputError(f"no data for {argument!r}: the model takes {', '.join(arguments)}")
    split = {name: named[name] for name in arguments if is_dask_collection(named[name])}
    blocks = {name: _row_blocks(name, array) for name, array in split.items()}
    first, *others = blocks
    for other in others:
        if len(blocks[other]) != len(blocks[first]):
            raise InputError(
                f"{first} is split into {_chunk_count(len(blocks[first]))} and {other} into "
                f"{len(blocks[other])}: rechunk one of them"
            )
        rows_of_first, rows_of_other = _rows_of_chunks(split[first]), _rows_of_chunks(split[other])
        for number, (expected, found) in enumerate(
            zip(rows_of_first, rows_of_other, strict=False), 1
        ):
            if expected != found and not np.isnan([expected, found]).any():
                raise InputError(
                    f"chunk {number} has {expected} rows of {first} and {found} of {other}: "
                    f"rechunk one of them"
                )
    chunks = tuple(delayed(list(row)) for row in zip(*blocks.values(), strict=True))
    labels = tuple(f"chunk {number} of {len(chunks)}" for number in range(1, len(chunks) + 1))
    not_split = [name for name in arguments if name not in split]
    shared = validate_data({name: named[name] for name in not_split}, not_split)
    return ChunkedData(chunks, labels, _BlockLoader(tuple(blocks)), shared)


def _row_blocks(name: str, array: Any) -> list[Any]:
    """Return one `Delayed` for the rows of each chunk, with all of their columns."""
    if getattr(array, "ndim", 1) == 0:
        raise InputError(f"{name} is a Dask array without dimensions: give it as a number")
    if getattr(array, "ndim", 1) > 1 and hasattr(array, "rechunk"):
        array = array.rechunk(dict.fromkeys(range(1, array.ndim), -1))
    found = array.to_delayed()
    return list(found if isinstance(found, list) else found.ravel())


def _rows_of_chunks(array: Any) -> tuple[float, ...]:
    """Return the number of rows of each chunk; NaN, or nothing at all, where it is unknown."""
    return tuple(array.chunks[0]) if hasattr(array, "chunks") else ()


def _chunk_count(chunks: int) -> str:
    return f"{chunks} chunk{'' if chunks == 1 else 's'}"

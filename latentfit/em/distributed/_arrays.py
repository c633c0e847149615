"""Dask arrays, one an argument, split in the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit import declaration as declared
from latentfit.declaration import Data
from latentfit.em.distributed._part import Parts
from latentfit.em.distributed._recognise import is_collection
from latentfit.errors import InputError


@dataclass(frozen=True)
class _Blocks:
    names: tuple[str, ...]

    def __call__(self, chunk: Sequence[Any]) -> Data:
        blocks = zip(self.names, chunk, strict=True)
        return {name: declared.numbers(name, block) for name, block in blocks}


def from_arrays(data: Any, arguments: Sequence[str]) -> Parts:
    from dask.delayed import delayed

    named = {arguments[0]: data} if is_collection(data) else declared.by_name(data, arguments)
    if is_collection(data) and len(arguments) != 1:
        raise InputError(f"the model takes {', '.join(arguments)}: give them by name")
    for unknown in named.keys() - set(arguments):
        raise InputError(f"the model takes no data named {unknown!r}, only {', '.join(arguments)}")
    for argument in arguments:
        if argument not in named:
            raise InputError(f"no data for {argument!r}: the model takes {', '.join(arguments)}")
    split = {name: named[name] for name in arguments if is_collection(named[name])}
    blocks = {name: _blocks(name, array) for name, array in split.items()}
    first, *others = blocks
    for other in others:
        if len(blocks[other]) != len(blocks[first]):
            raise InputError(
                f"{first} is split into {_counted(len(blocks[first]))} and {other} into "
                f"{len(blocks[other])}: rechunk one of them"
            )
        a, b = _rows(split[first]), _rows(split[other])
        for number, (ours, theirs) in enumerate(zip(a, b, strict=False), 1):
            if ours != theirs and not np.isnan([ours, theirs]).any():
                raise InputError(
                    f"chunk {number} has {ours} rows of {first} and {theirs} of {other}: "
                    f"rechunk one of them"
                )
    chunks = tuple(delayed(list(row)) for row in zip(*blocks.values(), strict=True))
    labels = tuple(f"chunk {number} of {len(chunks)}" for number in range(1, len(chunks) + 1))
    left = [name for name in arguments if name not in split]
    whole = declared.arrays({name: named[name] for name in left}, left)
    return Parts(chunks, labels, _Blocks(tuple(blocks)), whole)


def _blocks(name: str, array: Any) -> list[Any]:
    """One `Delayed` for the rows of each chunk, with all that is beside them."""
    if getattr(array, "ndim", 1) == 0:
        raise InputError(f"{name} is a single number of Dask's: give it as a number")
    if getattr(array, "ndim", 1) > 1 and hasattr(array, "rechunk"):
        array = array.rechunk(dict.fromkeys(range(1, array.ndim), -1))
    found = array.to_delayed()
    return list(found if isinstance(found, list) else found.ravel())


def _rows(array: Any) -> tuple[float, ...]:
    """Of each chunk, where they are known."""
    return tuple(array.chunks[0]) if hasattr(array, "chunks") else ()


def _counted(chunks: int) -> str:
    return f"{chunks} chunk{'' if chunks == 1 else 's'}"

"""Parts of the data: rows that belong to units, and what all units share."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from latentfit.errors import InputError


class Part(NamedTuple):
    """A part of the data.

    `data` is what the E step sees of it, `shared` what the M step does, `weight` how many times
    its statistics count, and `units` how many there are in it.
    """

    data: Any
    shared: Any
    weight: float
    units: int


@dataclass(frozen=True)
class Rows:
    """Data that can be split over units.

    Attributes
    ----------
    split : dict of ndarray, each of shape (units, ...)
    shared : dict
    units : int
    """

    split: dict[str, np.ndarray]
    shared: dict[str, Any]
    units: int

    def part(self, index: Any, weight: float = 1.0) -> Part:
        """Some of the units: a slice or an array of row numbers."""
        rows = {name: array[index] for name, array in self.split.items()}
        units = len(next(iter(rows.values())))
        return Part({**rows, **self.shared}, self.shared, weight, units)


def rows_of(data: Any, split: Sequence[str] | None, what: str = "data") -> Rows:
    """Tell what is split over units from what all share.

    Parameters
    ----------
    data : mapping
    split : sequence of str, optional
        Names of what is split: without, every array of at least one dimension.
    what : str
        What the data are called in an error.

    Raises
    ------
    InputError
        The data are no mapping, have no rows, or arrays of different numbers of rows.
    """
    if not isinstance(data, Mapping):
        raise InputError(
            f"{what} should be a mapping {{name: array}}, not of type {type(data).__name__}"
        )
    if isinstance(split, str):
        split = (split,)
    arrays = {name: np.asanyarray(value) for name, value in data.items()}
    names = [name for name, array in arrays.items() if array.ndim] if split is None else split
    for name in names:
        if name not in arrays or not arrays[name].ndim:
            raise InputError(f"{what} has no array {name} that could be split over units")
    if not names:
        raise InputError(f"{what} has no array that could be split over units")
    lengths = {name: len(arrays[name]) for name in names}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InputError(
            f"{what}: what is split over units should have equally many rows, but {told}; "
            f"name what is split, as in split=({names[0]!r},), if the rest is shared by all"
        )
    units = lengths[names[0]]
    if not units:
        raise InputError(f"{what} has no rows")
    shared = {name: value for name, value in data.items() if name not in lengths}
    return Rows({name: arrays[name] for name in names}, shared, units)


def batch_count(units: int, size: int) -> int:
    """How many batches of at most this size there are in a pass."""
    return math.ceil(units / size)


def permuted(rows: Rows, size: int, rng: np.random.Generator) -> Iterator[Part]:
    """Batches without end: those of each pass are a random partition of all units.

    Their sizes differ by one unit at most, so that none weighs much more than another.
    """
    count = batch_count(rows.units, size)
    while True:
        for index in np.array_split(rng.permutation(rows.units), count):
            # Sorted, the rows are read in the order in which they lie in memory.
            yield rows.part(np.sort(index), rows.units / len(index))


def streamed(
    batches: Iterable[Mapping[str, Any]], split: Sequence[str] | None, total: float
) -> Iterator[Part]:
    """The batches of a stream, each standing for `total` units."""
    for number, batch in enumerate(batches, 1):
        rows = rows_of(batch, split, f"batch {number}")
        yield Part(batch, rows.shared, total / rows.units, rows.units)

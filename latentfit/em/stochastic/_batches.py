"""Batches of the data: rows that belong to units, and values that all units share."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from latentfit.errors import InputError


class Batch(NamedTuple):
    """A part of the data.

    Attributes
    ----------
    data : mapping
        What the E step and the statistics are given.
    shared : mapping
        What the M step is given.
    weight : float
        Factor that multiplies the statistics of the batch.
    units : int
        Number of units in the batch.
    """

    data: Any
    shared: Any
    weight: float
    units: int


@dataclass(frozen=True)
class SplitData:
    """Data that can be split over units.

    Attributes
    ----------
    split : dict of ndarray, each of shape (units, ...)
        The arrays with one row for each unit.
    shared : dict
        The values that all units share.
    units : int
        Number of units.
    """

    split: dict[str, np.ndarray]
    shared: dict[str, Any]
    units: int

    def batch(self, index: Any, weight: float = 1.0) -> Batch:
        """Select units.

        Parameters
        ----------
        index : slice or ndarray of int
            Row numbers.
        weight : float
            Factor that multiplies the statistics of these units.
        """
        rows = {name: array[index] for name, array in self.split.items()}
        units = len(next(iter(rows.values())))
        return Batch({**rows, **self.shared}, self.shared, weight, units)


def split_data(data: Any, split: Sequence[str] | None, what: str = "data") -> SplitData:
    """Separate the arrays that have one row for each unit from the values that all units share.

    Parameters
    ----------
    data : mapping
        ``{name: array}``.
    split : sequence of str, optional
        Names of the arrays with one row for each unit; by default all arrays of at least one
        dimension.
    what : str
        What error messages call the data.

    Raises
    ------
    InputError
        The data are not a mapping, have no rows, or have arrays with different numbers of rows.
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
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InputError(
            f"{what}: arrays that are split over units should have equally many rows, but "
            f"{listed}; name the arrays to split, as in split=({names[0]!r},), if all units share "
            f"the rest"
        )
    units = lengths[names[0]]
    if not units:
        raise InputError(f"{what} has no rows")
    shared = {name: value for name, value in data.items() if name not in lengths}
    return SplitData({name: arrays[name] for name in names}, shared, units)


def batch_count(units: int, size: int) -> int:
    """Return how many batches of at most this size a pass over the data has."""
    return math.ceil(units / size)


def random_batches(data: SplitData, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield batches without end; those of each pass are a random partition of all units.

    Their sizes differ by at most one unit, so that their weights are nearly equal.
    """
    count = batch_count(data.units, size)
    while True:
        for index in np.array_split(rng.permutation(data.units), count):
            # Sorted row numbers read the memory in order.
            yield data.batch(np.sort(index), data.units / len(index))


def stream_batches(
    batches: Iterable[Mapping[str, Any]], split: Sequence[str] | None, total: float
) -> Iterator[Batch]:
    """Yield the batches of a stream, with weights that scale each of them to `total` units."""
    for number, batch in enumerate(batches, 1):
        rows = split_data(batch, split, f"batch {number}")
        yield Batch(batch, rows.shared, total / rows.units, rows.units)

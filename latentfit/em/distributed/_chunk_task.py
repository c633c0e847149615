"""The task that a worker runs: the E step of one chunk at some parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from latentfit.declaration.data import Data
from latentfit.em.calls import call, evaluate_statistics
from latentfit.em.primitives import threads
from latentfit.em.serialization import deserialized
from latentfit.errors import DeclarationError, InputError, StepError


@dataclass(frozen=True)
class ChunkTask:
    """What all tasks of a fit have in common.

    Attributes
    ----------
    load : callable
        `ChunkedData.load`.
    e_step, statistics : callable
    log_likelihood : callable or None
    shared : dict
        ``{argument: array}``, the arguments that are not split.
    masked : frozenset of str
        The arguments with missing values, even if a particular chunk has none.
    """

    load: Callable[[Any], Data]
    e_step: Callable[..., Mapping[str, Any]]
    statistics: Callable[..., Mapping[str, Any]]
    log_likelihood: Callable[..., float] | None
    shared: Data
    masked: frozenset[str]


@dataclass(frozen=True)
class ChunkSums:
    """Quantities that add up over chunks.

    Attributes
    ----------
    statistics : dict of ndarray
    log_likelihood : float or None
        In nats; None if it is not evaluated.
    """

    statistics: dict[str, np.ndarray]
    log_likelihood: float | None


class ChunkArguments(dict[str, Any]):
    """The data of one chunk that the steps are given, ``{argument: array}``."""

    def __missing__(self, name: str) -> Any:
        """Raise an error that says what the steps may use."""
        raise DeclarationError(
            f"the steps use data[{name!r}], but with data in chunks they are given only the "
            f"arguments of model: {', '.join(self)}"
        )


def load_chunk(load: Callable[[Any], Data], chunk: Any, label: str) -> tuple[Data, int]:
    """Load the arrays of a chunk.

    Parameters
    ----------
    load : callable
        `ChunkedData.load`.
    chunk : object
    label : str
        What messages call the chunk.

    Returns
    -------
    data : dict of ndarray
    rows : int
        Number of rows of every array.

    Raises
    ------
    InputError
        The chunk cannot be read, contains values that are not numbers, or has arrays with
        different numbers of rows.
    """
    try:
        data = load(chunk)
    except InputError as error:
        message = str(error)
        raise InputError(message if label in message else f"{label}: {message}") from error
    rows = {name: len(array) for name, array in data.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{count} of {name}" for name, count in rows.items())
        raise InputError(f"{label}: arguments have different numbers of rows: {counts}")
    return data, next(iter(rows.values()))


def chunk_arguments(data: Data, shared: Data, masked: frozenset[str]) -> ChunkArguments:
    """Prepare loaded arrays for the steps.

    Parameters
    ----------
    data, shared : dict of ndarray
        The arguments that are split and those that are not.
    masked : frozenset of str
        The arguments that are returned as masked arrays, because values are missing somewhere.
    """

    def prepared(name: str, array: np.ndarray) -> np.ndarray:
        if name not in masked:
            return array
        missing = np.ma.getmaskarray(array)
        values = np.ma.getdata(array)
        if values.dtype.kind == "f":
            missing = missing | np.isnan(values)
        return np.ma.array(values, mask=missing)

    arguments = {**shared, **data}
    return ChunkArguments({name: prepared(name, array) for name, array in arguments.items()})


def evaluate(task: ChunkTask, params: Mapping[str, np.ndarray], data: ChunkArguments) -> ChunkSums:
    """Evaluate the E step, its statistics and the log-likelihood on one chunk.

    Raises
    ------
    StepError
        A function raised an error.
    DeclarationError
        The statistics are not a mapping of numeric arrays.
    """
    with np.errstate(all="ignore"), threads(1):
        expectations = call(task.e_step, "e_step", params, data)
        statistics = evaluate_statistics(task.statistics, expectations, data, params)
        value = None
        if task.log_likelihood is not None:
            value = float(call(task.log_likelihood, "log_likelihood", params, data))
    return ChunkSums(
        {name: _numbers(name, statistic) for name, statistic in statistics.items()}, value
    )


def run_chunk_task(
    serial_task: bytes, params: dict[str, np.ndarray], label: str, chunk: Any
) -> ChunkSums | None:
    """Load a chunk and evaluate the steps on it; the function that a worker runs.

    Parameters
    ----------
    serial_task : bytes
        The serialized `ChunkTask`.
    params : dict of ndarray
        Natural scale.
    label : str
        What messages call the chunk.
    chunk : object

    Returns
    -------
    ChunkSums or None
        None if the chunk has no rows.

    Raises
    ------
    InputError
        The chunk cannot be loaded.
    StepError, DeclarationError
        As in `evaluate`.
    """
    task = _task(serial_task)
    data, rows = load_chunk(task.load, chunk, label)
    if not rows:
        return None
    for array in params.values():
        array.setflags(write=False)
    try:
        return evaluate(task, params, chunk_arguments(data, task.shared, task.masked))
    except StepError as error:
        raise StepError(f"{error}, in {label}", step=error.step) from error


def sum_of_chunks(found: Sequence[ChunkSums | None]) -> ChunkSums | None:
    """Add the sums of several chunks, in their order; None if none of them has rows.

    Raises
    ------
    DeclarationError
        The statistics of two chunks differ in names or shapes.
    """
    total = None
    for sums in found:
        if sums is None:
            continue
        total = sums if total is None else _sum(total, sums)
    return total


def _sum(a: ChunkSums, b: ChunkSums) -> ChunkSums:
    shapes = [{name: v.shape for name, v in sums.statistics.items()} for sums in (a, b)]
    if shapes[0] != shapes[1]:
        raise DeclarationError(
            f"statistics differ between chunks, {shapes[0]} and {shapes[1]}: they must be sums "
            f"with the same names and shapes in every chunk"
        )
    value = None
    if a.log_likelihood is not None and b.log_likelihood is not None:
        value = a.log_likelihood + b.log_likelihood
    return ChunkSums({name: a.statistics[name] + b.statistics[name] for name in shapes[0]}, value)


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"statistics gave a {type(value).__name__} for {name}, expected an array of numbers"
        ) from None


# A fit sends the same functions with every evaluation; a worker deserializes them once.
@lru_cache(maxsize=8)
def _task(serial_task: bytes) -> ChunkTask:
    task: ChunkTask = deserialized(serial_task)
    return task

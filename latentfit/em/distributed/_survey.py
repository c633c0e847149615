"""A first pass over data in chunks: their size, their missing values and a sample of their rows.

Starting values are computed from the sample. Each row is given a random number, and the sample
consists of the rows with the m smallest numbers. It is drawn without replacement, and every subset
of m rows is equally likely. The sample of a union of chunks is contained in the union of their
samples, so that chunks are sampled on the workers and no more than m rows of each are sent. If
there are no more than m rows, the sample consists of all rows in order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.declaration.data import Data, count_missing
from latentfit.em.distributed._chunk_task import load_chunk
from latentfit.em.distributed._chunked_data import ChunkedData
from latentfit.em.distributed._tree import reduce_chunks
from latentfit.em.serialization import deserialized, serialized
from latentfit.errors import InputError

DEFAULT_SAMPLE_ROWS = 10_000


@dataclass(frozen=True)
class Survey:
    """Properties of all data, and a sample of them.

    Attributes
    ----------
    rows : int
        Number of rows.
    values : int
        Number of values in all arguments, split or not.
    missing : dict
        For each argument that is split, the number of missing values and where the first one is.
    sample : dict
        ``{argument: array}``, rows of the arguments that are split, in the order of the data.
    """

    rows: int
    values: int
    missing: Mapping[str, tuple[int, str]]
    sample: Data


@dataclass(frozen=True)
class _PartialSurvey:
    """The survey of some of the chunks.

    Attributes
    ----------
    rows, values, missing, sample
        As in `Survey`.
    shapes : dict of tuple
        Shape of a row of each argument.
    label : str
        The first of these chunks that has rows.
    keys : ndarray, shape (rows of the sample, 3)
        Random number, number of the chunk, and row in the chunk, of each row of the sample.
    """

    rows: int
    values: int
    missing: dict[str, tuple[int, str]]
    shapes: dict[str, tuple[int, ...]]
    label: str
    keys: np.ndarray
    sample: Data


def survey(
    data: ChunkedData, client: Any, *, seed: int | None = None, size: int = DEFAULT_SAMPLE_ROWS
) -> Survey:
    """Read all data once, count rows and missing values, and draw a sample.

    Parameters
    ----------
    data : ChunkedData
    client : distributed.Client
    seed : int, optional
        Seed of the sample.
    size : int
        Largest number of rows in the sample.

    Raises
    ------
    InputError
        The data contain values that are not finite numbers, chunks have different columns, an
        argument has only missing values, or there are no rows.
    ClusterError
        The cluster disappeared.
    """
    entropy = np.random.SeedSequence(seed).entropy
    serial_functions = serialized((data.load, entropy))
    found = reduce_chunks(client, _survey_chunk, _merge, serial_functions, size, data)
    if found is None:
        raise InputError("the data have no rows")
    for name, (count, _) in found.missing.items():
        if count == found.rows * int(np.prod(found.shapes[name])):
            raise InputError(f"{name} has only missing values")
    for name, array in data.shared.items():
        if array.ndim and len(array) == found.rows:
            split = ", ".join(found.sample)
            raise InputError(
                f"{name} has as many rows as {split} but is not split: make it a Dask array with "
                f"the same chunks"
            )
    order = np.lexsort((found.keys[:, 2], found.keys[:, 1]))
    sample = {name: array[order] for name, array in found.sample.items()}
    values = found.values + sum(array.size for array in data.shared.values())
    return Survey(found.rows, values, found.missing, sample)


def _survey_chunk(
    serial_functions: bytes, size: int, label: str, chunk: Any, number: int
) -> _PartialSurvey | None:
    load, entropy = deserialized(serial_functions)
    data, rows = load_chunk(load, chunk, label)
    if not rows:
        return None
    random = np.random.default_rng([entropy, number]).random(rows)
    chosen = np.sort(np.argsort(random, kind="stable")[:size])
    keys = np.column_stack([random[chosen], np.full(len(chosen), number), chosen])
    missing = {}
    for name, array in data.items():
        count, first = count_missing(array)
        missing[name] = (count, f"{first} of {label}" if count else "")
    return _PartialSurvey(
        rows,
        sum(array.size for array in data.values()),
        missing,
        {name: array.shape[1:] for name, array in data.items()},
        label,
        keys,
        {name: array[chosen] for name, array in data.items()},
    )


def _merge(size: int, found: Sequence[_PartialSurvey | None]) -> _PartialSurvey | None:
    parts = [part for part in found if part is not None]
    if not parts:
        return None
    first = parts[0]
    for other in parts:
        for name, shape in other.shapes.items():
            if shape != first.shapes[name]:
                raise InputError(
                    f"{name} has {_column_count(first.shapes[name])} in {first.label} and "
                    f"{_column_count(shape)} in {other.label}"
                )
    keys = np.concatenate([part.keys for part in parts])
    kept = np.argsort(keys[:, 0], kind="stable")[:size]
    concatenate = np.ma.concatenate if _any_is_masked(parts) else np.concatenate
    return _PartialSurvey(
        sum(part.rows for part in parts),
        sum(part.values for part in parts),
        {
            name: (
                sum(part.missing[name][0] for part in parts),
                next((part.missing[name][1] for part in parts if part.missing[name][0]), ""),
            )
            for name in first.missing
        },
        first.shapes,
        first.label,
        keys[kept],
        {name: concatenate([part.sample[name] for part in parts])[kept] for name in first.sample},
    )


def _any_is_masked(parts: Sequence[_PartialSurvey]) -> bool:
    return any(
        isinstance(array, np.ma.MaskedArray) for part in parts for array in part.sample.values()
    )


def _column_count(shape: tuple[int, ...]) -> str:
    if not shape:
        return "no columns"
    return " x ".join(map(str, shape)) + (" column" if shape == (1,) else " columns")

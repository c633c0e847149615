"""Data in parts are gone through once before EM: can they be used, and what would a start rest on?

Starts are made from a sample of rows. Each row is given a random number, and the rows of the m
smallest are the sample: without replacement, and every subset of m rows is as likely as any other.
That of a union is among those of its parts, so that chunks are sampled where they are and no more
than m rows of each are sent. Where there are no more than m rows, the sample is all of them, in
order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit import declaration as declared
from latentfit.declaration import Data
from latentfit.em.distributed._cluster import over_chunks
from latentfit.em.distributed._part import Parts
from latentfit.em.distributed._task import loaded
from latentfit.em.serialization import packed, unpacked
from latentfit.errors import InputError

SAMPLE = 10_000


@dataclass(frozen=True)
class Survey:
    """What the data are, as a whole.

    Attributes
    ----------
    rows, values : int
        How many rows there are, and numbers in them.
    holes : dict
        Of each argument that is split, how many values are missing and where the first is.
    sample : dict
        Rows of the arguments that are split, in their order.
    """

    rows: int
    values: int
    holes: Mapping[str, tuple[int, str]]
    sample: Data


@dataclass(frozen=True)
class _Seen:
    """The same of some chunks; `keys` are those of the sampled rows: random number, chunk, row."""

    rows: int
    values: int
    holes: dict[str, tuple[int, str]]
    shapes: dict[str, tuple[int, ...]]
    label: str
    keys: np.ndarray
    sample: Data


def survey(parts: Parts, client: Any, *, seed: int | None = None, size: int = SAMPLE) -> Survey:
    """Go through the data once.

    Parameters
    ----------
    parts : Parts
    client : distributed.Client
    seed : int, optional
        Of the sample.
    size : int
        Rows of the sample, at most.

    Raises
    ------
    InputError
        Data that are no finite numbers, of different columns in different chunks, nothing but
        missing values, or no rows at all.
    ClusterError
        The cluster went away.
    """
    entropy = np.random.SeedSequence(seed).entropy
    packet = packed((parts.load, entropy))
    seen = over_chunks(client, _look, _merged, packet, size, parts)
    if seen is None:
        raise InputError("the data have no rows")
    for name, (count, _) in seen.holes.items():
        if count == seen.rows * int(np.prod(seen.shapes[name])):
            raise InputError(f"{name} holds nothing but missing values")
    for name, array in parts.whole.items():
        if array.ndim and len(array) == seen.rows:
            others = ", ".join(seen.sample)
            raise InputError(
                f"{name} has a row for each of {others} and is not split as they are: "
                f"make it a Dask array of the same chunks"
            )
    order = np.lexsort((seen.keys[:, 2], seen.keys[:, 1]))
    sample = {name: array[order] for name, array in seen.sample.items()}
    values = seen.values + sum(array.size for array in parts.whole.values())
    return Survey(seen.rows, values, seen.holes, sample)


def _look(packet: bytes, size: int, label: str, chunk: Any, number: int) -> _Seen | None:
    load, entropy = unpacked(packet)
    data, rows = loaded(load, chunk, label)
    if not rows:
        return None
    random = np.random.default_rng([entropy, number]).random(rows)
    chosen = np.sort(np.argsort(random, kind="stable")[:size])
    keys = np.column_stack([random[chosen], np.full(len(chosen), number), chosen])
    holes = {}
    for name, array in data.items():
        count, first = declared.holes(array)
        holes[name] = (count, f"{first} of {label}" if count else "")
    return _Seen(
        rows,
        sum(array.size for array in data.values()),
        holes,
        {name: array.shape[1:] for name, array in data.items()},
        label,
        keys,
        {name: array[chosen] for name, array in data.items()},
    )


def _merged(size: int, found: Sequence[_Seen | None]) -> _Seen | None:
    there = [one for one in found if one is not None]
    if not there:
        return None
    first = there[0]
    for other in there:
        for name, shape in other.shapes.items():
            if shape != first.shapes[name]:
                raise InputError(
                    f"{name} has {_columns(first.shapes[name])} in {first.label} and "
                    f"{_columns(shape)} in {other.label}"
                )
    keys = np.concatenate([one.keys for one in there])
    kept = np.argsort(keys[:, 0], kind="stable")[:size]
    concatenate = np.ma.concatenate if _any_masked(there) else np.concatenate
    return _Seen(
        sum(one.rows for one in there),
        sum(one.values for one in there),
        {
            name: (
                sum(one.holes[name][0] for one in there),
                next((one.holes[name][1] for one in there if one.holes[name][0]), ""),
            )
            for name in first.holes
        },
        first.shapes,
        first.label,
        keys[kept],
        {name: concatenate([one.sample[name] for one in there])[kept] for name in first.sample},
    )


def _any_masked(there: Sequence[_Seen]) -> bool:
    return any(isinstance(a, np.ma.MaskedArray) for one in there for a in one.sample.values())


def _columns(shape: tuple[int, ...]) -> str:
    if not shape:
        return "no columns"
    return " x ".join(map(str, shape)) + (" column" if shape == (1,) else " columns")

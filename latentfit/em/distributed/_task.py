"""What runs on a worker: one chunk, one evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from latentfit.declaration import Data
from latentfit.em.calls import call, sums
from latentfit.em.primitives import threads
from latentfit.em.serialization import unpacked
from latentfit.errors import DeclarationError, InputError, StepError


@dataclass(frozen=True)
class Work:
    """What is the same in every task of a fit.

    Attributes
    ----------
    load : callable
        `Parts.load`.
    e_step, statistics : callable
    log_likelihood : callable or None
    whole : dict
        The arguments that are not split.
    masked : frozenset of str
        The arguments in which values are missing, if not in each chunk.
    """

    load: Callable[[Any], Data]
    e_step: Callable[..., Mapping[str, Any]]
    statistics: Callable[..., Mapping[str, Any]]
    log_likelihood: Callable[..., float] | None
    whole: Data
    masked: frozenset[str]


@dataclass(frozen=True)
class Sums:
    """What adds over chunks.

    Attributes
    ----------
    statistics : dict of ndarray
    log_likelihood : float or None
    """

    statistics: dict[str, np.ndarray]
    log_likelihood: float | None


class Part(dict[str, Any]):
    """The data of one chunk as the steps see them."""

    def __missing__(self, name: str) -> Any:
        raise DeclarationError(
            f"the steps ask for data[{name!r}], and of data in chunks they are given the arguments "
            f"of model alone: {', '.join(self)}"
        )


def loaded(load: Callable[[Any], Data], chunk: Any, label: str) -> tuple[Data, int]:
    """The arrays of a chunk, and how many rows they have.

    Raises
    ------
    InputError
        It cannot be read, holds what is no number, or its arrays differ in their rows.
    """
    try:
        data = load(chunk)
    except InputError as error:
        message = str(error)
        raise InputError(message if label in message else f"{label}: {message}") from error
    rows = {name: len(array) for name, array in data.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{count} of {name}" for name, count in rows.items())
        raise InputError(f"{label}: arguments differ in their rows: {counts}")
    return data, next(iter(rows.values()))


def part_of(data: Data, whole: Data, masked: frozenset[str]) -> Part:
    """Loaded arrays as the steps see them: masked where values may be missing."""

    def shown(name: str, array: np.ndarray) -> np.ndarray:
        if name not in masked:
            return array
        missing = np.ma.getmaskarray(array)
        values = np.ma.getdata(array)
        if values.dtype.kind == "f":
            missing = missing | np.isnan(values)
        return np.ma.array(values, mask=missing)

    return Part({name: shown(name, array) for name, array in {**whole, **data}.items()})


def evaluated(work: Work, params: Mapping[str, np.ndarray], data: Part) -> Sums:
    """The E step, its statistics and the log-likelihood, in one go."""
    with np.errstate(all="ignore"), threads(1):
        expectations = call(work.e_step, "e_step", params, data)
        found = sums(work.statistics, expectations, data, params)
        height = None
        if work.log_likelihood is not None:
            height = float(call(work.log_likelihood, "log_likelihood", params, data))
    return Sums({name: _numbers(name, value) for name, value in found.items()}, height)


def evaluate(packet: bytes, params: dict[str, np.ndarray], label: str, chunk: Any) -> Sums | None:
    """The task of a chunk; nothing where it has no rows."""
    work = _work(packet)
    data, rows = loaded(work.load, chunk, label)
    if not rows:
        return None
    for array in params.values():
        array.setflags(write=False)
    try:
        return evaluated(work, params, part_of(data, work.whole, work.masked))
    except StepError as error:
        raise StepError(f"{error}, in {label}", step=error.step) from error


def add(found: Sequence[Sums | None]) -> Sums | None:
    """The sums of several chunks, in their order.

    Raises
    ------
    DeclarationError
        They differ in names or shapes.
    """
    total = None
    for one in found:
        if one is None:
            continue
        total = one if total is None else _added(total, one)
    return total


def _added(a: Sums, b: Sums) -> Sums:
    shapes = [{n: v.shape for n, v in one.statistics.items()} for one in (a, b)]
    if shapes[0] != shapes[1]:
        raise DeclarationError(
            f"statistics differ between chunks, {shapes[0]} and {shapes[1]}: they have to be sums "
            f"of the same names and shapes"
        )
    height = None
    if a.log_likelihood is not None and b.log_likelihood is not None:
        height = a.log_likelihood + b.log_likelihood
    return Sums({name: a.statistics[name] + b.statistics[name] for name in shapes[0]}, height)


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"statistics gave a {type(value).__name__} for {name}, expected an array of numbers"
        ) from None


# A fit sends the same functions with each evaluation; a worker unpacks them once.
@lru_cache(maxsize=8)
def _work(packet: bytes) -> Work:
    work: Work = unpacked(packet)
    return work

"""All parameters as one entry and the rest, where the rest can take any value whatever the entry.

A profile holds one entry and moves the others. An entry of an array without constraints, positive
or a probability of its own, is simply left out. One of a row that sums to one leaves 1 - p to the
others, which are shares of that. For a variance the Cholesky factor is taken with its row first,
where it is the square of the first diagonal entry; for a covariance with its rows first and second,
where it is a product of two entries, of which one then follows from the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from latentfit.em.information._scale import FreeScale, Kind, _covariance, rows_of
from latentfit.em.layout import Params

Link = Literal["identity", "log", "logit"]
# Entries at an end of their range are moved this far from it, for a start.
_LEAST = 1e-9


@dataclass(frozen=True)
class Pin:
    """One entry apart from the rest.

    Attributes
    ----------
    estimate : float
        The entry, natural scale.
    link : str
        On what scale it is moved.
    rest : ndarray, shape (size - 1,)
        The others, free.
    bounded : ndarray of bool, shape (size - 1,)
    params : callable
        From the entry, natural scale, and the rest to all params.
    """

    estimate: float
    link: Link
    rest: np.ndarray
    bounded: np.ndarray
    params: Callable[[float, np.ndarray], Params]

    def position(self) -> float:
        """Where the estimate lies on the scale of the link; nearby if that is at infinity."""
        value = self.estimate
        if self.link == "identity":
            return value
        if self.link == "log":
            return float(np.log(value)) if value > 0 else float(np.log(_LEAST))
        value = min(max(value, _LEAST), 1 - _LEAST)
        return float(np.log(value) - np.log1p(-value))

    def value(self, position: float) -> float:
        """Back to the natural scale."""
        if self.link == "identity":
            return position
        with np.errstate(all="ignore"):
            return float(np.exp(position) if self.link == "log" else 1 / (1 + np.exp(-position)))


def pin(scale: FreeScale, params: Mapping[str, np.ndarray], position: int) -> Pin:
    """Set an entry apart.

    Parameters
    ----------
    scale : FreeScale
    params : mapping
    position : int
        Of the entry in the flat vector of natural values.
    """
    which = int(np.searchsorted(scale.layout.offsets, position, side="right")) - 1
    name = list(scale.layout.shapes)[which]
    array = np.array(params[name], dtype=float)
    place = position - int(scale.layout.offsets[which])
    kind = scale.kinds[name]
    pieces, kinds, join = _SPLIT[kind](array, place, kind)
    others = {key: value for key, value in params.items() if key != name}
    every = {f"rest.{key}": value for key, value in others.items()}
    every |= {f"own.{key}": value for key, value in pieces.items()}
    every_kind: dict[str, Kind] = {f"rest.{key}": scale.kinds[key] for key in others}
    every_kind |= {f"own.{key}": kinds[key] for key in pieces}
    link = _LINKS[kind]
    if kind == "covariance" and not _on_diagonal(array, place):
        link = "identity"
    if not every:
        nothing = np.zeros(0)
        alone = lambda value, rest: {name: join(value, {})}  # noqa: E731
        return Pin(float(array.flat[place]), link, nothing, nothing.astype(bool), alone)
    inner = FreeScale.of(every, every_kind)

    def put(value: float, rest: np.ndarray) -> Params:
        parts = inner.params(rest)
        own = {key: parts[f"own.{key}"] for key in pieces}
        return {
            key: join(value, own) if key == name else parts[f"rest.{key}"]
            for key in scale.layout.shapes
        }

    return Pin(float(array.flat[place]), link, inner.point(every), inner.bounded, put)


_Join = Callable[[float, Params], np.ndarray]
_Pieces = tuple[Params, dict[str, Kind], _Join]


def _alone(array: np.ndarray, place: int, kind: Kind) -> _Pieces:
    others = np.delete(array.ravel(), place)

    def join(value: float, parts: Params) -> np.ndarray:
        entries = parts["entries"] if parts else others
        return np.insert(entries, place, value).reshape(array.shape)

    if not others.size:
        return {}, {}, join
    return {"entries": others}, {"entries": kind}, join


def _in_row(array: np.ndarray, place: int, kind: Kind) -> _Pieces:
    rows = rows_of(array)
    row, column = divmod(place, rows.shape[1])
    left = np.delete(rows[row], column)
    total = left.sum()
    shares = left / total if total > 0 else np.full(left.size, 1 / left.size)
    pieces: Params = {}
    if left.size > 1:
        pieces["shares"] = shares
    if len(rows) > 1:
        pieces["rows"] = np.delete(rows, row, axis=0)

    def join(value: float, parts: Params) -> np.ndarray:
        own = np.insert((1 - value) * parts.get("shares", np.ones(1)), column, value)
        rest = parts.get("rows", rows[:0])
        return np.insert(rest, row, own, axis=0).reshape(array.shape)

    return pieces, dict.fromkeys(pieces, "simplex"), join


def _in_covariance(array: np.ndarray, place: int, kind: Kind) -> _Pieces:
    size = array.shape[-1]
    stack = array.reshape(-1, size, size)
    number, cell = divmod(place, size * size)
    i, j = divmod(cell, size)
    first = [i] if i == j else [j, i]
    order = np.array(first + [k for k in range(size) if k not in first])
    back = np.argsort(order)
    chart = _covariance(stack[number][np.ix_(order, order)])
    coordinates = chart.forward(stack[number][np.ix_(order, order)])
    pinned = 0 if i == j else 1
    pieces: Params = {"factor": np.delete(coordinates, pinned)}
    kinds: dict[str, Kind] = {"factor": "real"}
    if len(stack) > 1:
        pieces["matrices"] = np.delete(stack, number, axis=0)
        kinds["matrices"] = "covariance"

    def join(value: float, parts: Params) -> np.ndarray:
        rest = parts["factor"]
        entry = np.log(value) / 2 if i == j else value / np.exp(rest[0])
        own = chart.backward(np.insert(rest, pinned, entry))[np.ix_(back, back)]
        others = parts.get("matrices", stack[:0])
        return np.insert(others, number, own, axis=0).reshape(array.shape)

    return pieces, kinds, join


def _on_diagonal(array: np.ndarray, place: int) -> bool:
    i, j = divmod(place % array.shape[-1] ** 2, array.shape[-1])
    return i == j


_LINKS: dict[Kind, Link] = {
    "real": "identity",
    "positive": "log",
    "probability": "logit",
    "simplex": "logit",
    "covariance": "log",
}
_SPLIT: dict[Kind, Callable[[np.ndarray, int, Kind], _Pieces]] = {
    "real": _alone,
    "positive": _alone,
    "probability": _alone,
    "simplex": _in_row,
    "covariance": _in_covariance,
}

"""Two scales: natural, on which parameters are stated, and free, on which they are differentiated.

Natural values have constraints. Where probabilities sum to one, the information about them is
singular: nobody can move one of them alone. On the free scale every coordinate can take any value,
and there are as many as there are degrees of freedom:

    real         itself
    positive     its logarithm
    probability  its log-odds
    simplex      log-ratios to the largest entry of the row, one fewer than entries
    covariance   the lower triangle of its Cholesky factor, with logarithms on the diagonal

A maximum, its rate of convergence and, by the delta method, the standard errors of natural values
are the same on every free scale. What lies at an end of its range, such as a probability of zero,
has no free coordinate. It is held where it is, and the others are given it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, get_args

import numpy as np

from latentfit.em.degeneracy import is_simplex
from latentfit.em.layout import Layout, Params
from latentfit.errors import InputError

Kind = Literal["real", "positive", "probability", "simplex", "covariance"]

# This near to 0 or 1 a probability lies at the end of its range.
_NEARLY = 1e-6


class Natural(Protocol):
    """What knows the natural values at a free point."""

    def params(self, point: np.ndarray) -> Params:
        """Natural values at a free point, (size,)."""


class Scale(Natural, Protocol):
    """What the routes know of the parameters."""

    @property
    def bounded(self) -> np.ndarray:
        """Which free coordinates are logarithms of what is bounded, shape (size,)."""

    def on_boundary(self, natural: Mapping[str, np.ndarray]) -> list[str]:
        """Labels of what lies at an end of its range."""


@dataclass(frozen=True)
class _Block:
    """One array: coordinates of an array like the one it was made for, and back."""

    bounded: np.ndarray
    held: np.ndarray
    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FreeScale:
    """The free scale about some natural values.

    Attributes
    ----------
    layout : Layout
    kinds : dict
        Of each array.
    stated : frozenset of str
        The names whose kind was stated, not seen from the values.
    """

    layout: Layout
    kinds: dict[str, Kind]
    stated: frozenset[str]
    _blocks: tuple[_Block, ...]

    @classmethod
    def of(cls, params: Mapping[str, Any], kinds: Mapping[str, Kind] | None = None) -> Self:
        """The free scale about natural values.

        Parameters
        ----------
        params : mapping
            ``{name: array_like}``, natural scale.
        kinds : mapping, optional
            What arrays are, by name. Of the others it is seen from their values: symmetric
            positive definite matrices are covariances, arrays that sum to one along their last
            axis or, as tables do, as a whole are simplexes, others that are positive are positive.
            That they are probabilities, too, has to be stated; it matters where one of them is 1.
            An array of zeros is real: that a scale of zero is none has to be stated.

        Raises
        ------
        InputError
            There is no such kind or name, or the values are not of the kind.
        DeclarationError
            `params` is no mapping of finite numbers.
        """
        layout = Layout.of(params)
        arrays = layout.unpack(layout.pack(params, "params"))
        stated = dict(kinds or {})
        for name, kind in stated.items():
            if name not in arrays:
                raise InputError(f"kinds names {name!r}; the parameters are {', '.join(arrays)}")
            if kind not in _CHARTS:
                known = ", ".join(get_args(Kind))
                raise InputError(f"kinds has {name} = {kind!r}; there are {known}")
            if not _is(arrays[name], kind):
                raise InputError(f"{name} is stated to be {kind}, which its values are not")
        every = {name: stated.get(name, _kind(array)) for name, array in arrays.items()}
        blocks = tuple(_CHARTS[every[name]](array) for name, array in arrays.items())
        return cls(layout, every, frozenset(stated), blocks)

    @property
    def bounded(self) -> np.ndarray:
        """Which coordinates are logarithms, shape (size,)."""
        return np.concatenate(self.parts)

    @property
    def parts(self) -> list[np.ndarray]:
        """The same, array by array."""
        return [block.bounded for block in self._blocks]

    def point(self, params: Mapping[str, Any]) -> np.ndarray:
        """Free coordinates of natural values, (size,); NaN or infinite where there are none."""
        arrays = self.layout.unpack(self.layout.pack(params, "the map")).values()
        with np.errstate(all="ignore"):
            parts = [b.forward(array) for b, array in zip(self._blocks, arrays, strict=True)]
        return np.concatenate(parts)

    def params(self, point: np.ndarray) -> Params:
        """Natural values at a point, (size,)."""
        ends = np.cumsum([len(block.bounded) for block in self._blocks])[:-1]
        parts = zip(self._blocks, np.split(point, ends), strict=True)
        with np.errstate(all="ignore"):
            arrays = [block.backward(part) for block, part in parts]
        return dict(zip(self.layout.shapes, arrays, strict=True))

    def on_boundary(self, natural: Mapping[str, np.ndarray]) -> list[str]:
        """Labels of what is held, for it lies at an end of its range."""
        held = np.concatenate([block.held.ravel() for block in self._blocks])
        return [self.layout.label(int(position)) for position in np.flatnonzero(held)]


def _kind(array: np.ndarray) -> Kind:
    for kind in ("covariance", "simplex"):
        if _is(array, kind):
            return kind
    if array.min() >= 0 and array.max() > 0:
        # A rate may be smaller than one and yet no probability.
        return "positive"
    return "real"


def rows_of(array: np.ndarray) -> np.ndarray:
    """What sums to one, a row each: along the last axis, or where that does not, all of it."""
    return array.reshape(-1, array.shape[-1]) if is_simplex(array) else array.reshape(1, -1)


def _is(array: np.ndarray, kind: Kind) -> bool:
    if kind == "covariance":
        return _definite(array)
    if kind == "simplex":
        return bool(array.ndim) and is_simplex(rows_of(array))
    if kind == "positive":
        return bool((array >= 0).all())
    return kind == "real" or bool(((array >= 0) & (array <= 1)).all())


def _definite(array: np.ndarray) -> bool:
    square = array.ndim > 1 and array.shape[-1] == array.shape[-2] > 1
    if not square or not np.allclose(array, array.swapaxes(-1, -2), rtol=1e-10, atol=0):
        return False
    try:
        np.linalg.cholesky(array)
    except np.linalg.LinAlgError:
        return False
    return True


def _real(array: np.ndarray) -> _Block:
    shape = array.shape
    return _Block(
        np.full(array.size, False), np.full(shape, False), np.ravel, lambda c: c.reshape(shape)
    )


def _positive(array: np.ndarray) -> _Block:
    free = array > 0
    return _partly(array, free, np.log, np.exp)


def _probability(array: np.ndarray) -> _Block:
    free = (array > _NEARLY) & (array < 1 - _NEARLY)
    return _partly(array, free, lambda p: np.log(p) - np.log1p(-p), lambda c: 1 / (1 + np.exp(-c)))


def _partly(
    array: np.ndarray,
    free: np.ndarray,
    forward: Callable[[np.ndarray], np.ndarray],
    backward: Callable[[np.ndarray], np.ndarray],
) -> _Block:
    def put(coordinates: np.ndarray) -> np.ndarray:
        value = array.copy()
        value[free] = backward(coordinates)
        return value

    return _Block(np.full(free.sum(), True), ~free, lambda a: forward(a[free]), put)


def _simplex(array: np.ndarray) -> _Block:
    rows = rows_of(array)
    held = rows <= _NEARLY
    base = np.arange(rows.shape[1]) == rows.argmax(axis=1)[:, None]
    free = ~(held | base)
    kept = np.where(held, rows, 0.0)

    def forward(values: np.ndarray) -> np.ndarray:
        logs = np.log(values.reshape(rows.shape))
        return (logs - np.sum(np.where(base, logs, 0.0), axis=1, keepdims=True))[free]

    def backward(coordinates: np.ndarray) -> np.ndarray:
        logs = np.where(held, -np.inf, 0.0)
        logs[free] = coordinates
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        value: np.ndarray = kept + shares * (1 - kept.sum(axis=1, keepdims=True))
        return value.reshape(array.shape)

    # A row of which nothing else is left has nothing to vary: its 1 lies at an end as well.
    alone = base & ~free.any(axis=1, keepdims=True)
    return _Block(np.full(free.sum(), True), (held | alone).reshape(array.shape), forward, backward)


def _covariance(array: np.ndarray) -> _Block:
    size = array.shape[-1]
    below, diagonal = np.tril_indices(size), np.arange(size)
    lead = array.shape[:-2]

    def forward(value: np.ndarray) -> np.ndarray:
        try:
            factor = np.linalg.cholesky(value)
        except np.linalg.LinAlgError:
            return np.full(len(bounded), np.nan)
        factor[..., diagonal, diagonal] = np.log(factor[..., diagonal, diagonal])
        return factor[(..., *below)].ravel()

    def backward(coordinates: np.ndarray) -> np.ndarray:
        factor = np.zeros(array.shape)
        factor[(..., *below)] = coordinates.reshape(*lead, -1)
        factor[..., diagonal, diagonal] = np.exp(factor[..., diagonal, diagonal])
        return factor @ factor.swapaxes(-1, -2)

    bounded = np.broadcast_to(below[0] == below[1], (*lead, len(below[0]))).ravel()
    return _Block(bounded, np.full(array.shape, False), forward, backward)


_CHARTS: dict[Kind, Callable[[np.ndarray], _Block]] = {
    "real": _real,
    "positive": _positive,
    "probability": _probability,
    "simplex": _simplex,
    "covariance": _covariance,
}

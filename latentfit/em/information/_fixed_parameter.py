"""One entry of the parameters fixed at a value, and free coordinates for all other entries.

A profile likelihood fixes one entry and maximises over the others. The coordinates of the others
must therefore take any value, whatever the value of the fixed entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from latentfit.em.information._free_scale import FreeScale
from latentfit.em.information._split_array import split_array
from latentfit.em.information._transforms import Kind
from latentfit.em.layout import Params

Link = Literal["identity", "log", "logit"]

_LINKS: dict[Kind, Link] = {
    "real": "identity",
    "positive": "log",
    "probability": "logit",
    "simplex": "logit",
    "covariance": "log",
}

# Where an estimate at a bound of its range is put instead, since its logarithm or log-odds are
# infinite: at this distance from the bound.
_DISTANCE_FROM_BOUND = 1e-9


@dataclass(frozen=True)
class FixedParameter:
    """One entry of the parameters, and coordinates of the others.

    Attributes
    ----------
    estimate : float
        Value of the entry, natural scale.
    link : str
        The link function, from the range of the entry to the real line.
    others : ndarray, shape (size - 1,)
        Free coordinates of the other entries at their estimates.
    bounded : ndarray of bool, shape (size - 1,)
        Coordinates along which a bound of the range lies at infinity.
    params : callable
        From a value of the entry, natural scale, and free coordinates of the others to all params.
    """

    estimate: float
    link: Link
    others: np.ndarray
    bounded: np.ndarray
    params: Callable[[float, np.ndarray], Params]

    def linked_estimate(self) -> float:
        """Return the estimate on the link's scale, or a finite value close to it if infinite."""
        value = self.estimate
        if self.link == "identity":
            return value
        if self.link == "log":
            return float(np.log(value)) if value > 0 else float(np.log(_DISTANCE_FROM_BOUND))
        value = min(max(value, _DISTANCE_FROM_BOUND), 1 - _DISTANCE_FROM_BOUND)
        return float(np.log(value) - np.log1p(-value))

    def value(self, linked: float) -> float:
        """Return the value of the entry, natural scale, for a value on the link's scale."""
        if self.link == "identity":
            return linked
        with np.errstate(all="ignore"):
            return float(np.exp(linked) if self.link == "log" else 1 / (1 + np.exp(-linked)))


def fix_parameter(
    scale: FreeScale, params: Mapping[str, np.ndarray], position: int
) -> FixedParameter:
    """Separate one entry of the parameters from the others.

    Parameters
    ----------
    scale : FreeScale
        Constraints of the parameters.
    params : mapping
        The estimates, natural scale.
    position : int
        Of the entry, in the flat vector of params.
    """
    which = int(np.searchsorted(scale.layout.offsets, position, side="right")) - 1
    name = list(scale.layout.shapes)[which]
    array = np.array(params[name], dtype=float)
    place = position - int(scale.layout.offsets[which])
    kind = scale.kinds[name]
    estimate = float(array.flat[place])
    link = _LINKS[kind]
    if kind == "covariance" and not _on_diagonal(array, place):
        link = "identity"
    split = split_array(array, place, kind)

    # The entries of other arrays and the remaining parts of the entry's own array are coordinates
    # of one free scale; the prefixes keep their names apart.
    others = {key: value for key, value in params.items() if key != name}
    every = {f"other.{key}": value for key, value in others.items()}
    every |= {f"own.{key}": value for key, value in split.parts.items()}
    kinds: dict[str, Kind] = {f"other.{key}": scale.kinds[key] for key in others}
    kinds |= {f"own.{key}": split.kinds[key] for key in split.parts}
    if not every:
        empty = np.zeros(0)
        only = lambda value, _: {name: split.join(value, {})}  # noqa: E731
        return FixedParameter(estimate, link, empty, empty.astype(bool), only)
    inner = FreeScale.of(every, kinds)

    def joined(value: float, point: np.ndarray) -> Params:
        found = inner.params(point)
        own = {key: found[f"own.{key}"] for key in split.parts}
        return {
            key: split.join(value, own) if key == name else found[f"other.{key}"]
            for key in scale.layout.shapes
        }

    return FixedParameter(estimate, link, inner.point(every), inner.bounded, joined)


def _on_diagonal(array: np.ndarray, place: int) -> bool:
    i, j = divmod(place % array.shape[-1] ** 2, array.shape[-1])
    return bool(i == j)

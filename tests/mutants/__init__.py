"""Wrong derivations, and right ones that look unusual, on which the check is tested.

A mutant is a small, realistic edit of a derivation in the catalogue. It states where the mistake is
and which quantities are wrong because of it, so that the check is tested on both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Params = Mapping[str, Any]
Rows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A derivation with one mistake.

    Attributes
    ----------
    model : str
        Name in the catalogue.
    kind, label : str
        The kind of mistake, and this one in words.
    step : {"E", "M", "log_likelihood", "fixed_point", "contract"}
        The part of the derivation that is wrong.
    also : frozenset of str
        Other steps at which a finding may report the mistake.
    names : frozenset of str
        The quantities that are wrong.
    changes : mapping
        The fields of `LatentModel` that differ from the catalogue's.
    hint : str
        Words that the hint has to contain; empty if any hint or none will do.
    """

    model: str
    kind: str
    label: str
    step: str
    names: frozenset[str]
    changes: Mapping[str, Any]
    also: frozenset[str] = frozenset()
    hint: str = ""

    @property
    def steps(self) -> frozenset[str]:
        """All steps at which a finding may report the mistake."""
        return self.also | {self.step}

    def __str__(self) -> str:
        return f"{self.model}: {self.kind}: {self.label}"


@dataclass(frozen=True)
class Variant:
    """A derivation that is right although it looks unusual."""

    model: str
    label: str
    changes: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.model}: {self.label}"


@dataclass(frozen=True)
class Truth:
    """What mutants of one model are compared with, written with NumPy alone.

    Attributes
    ----------
    data : mapping
        As the steps receive it.
    trials : tuple of mapping
        Params at which a wrong step returns a wrong result.
    map_step : callable
        The M step that maximises Q plus the log prior.
    q : callable
        ``q(expectations, data, params)``: Q, from the correct E step's expectations.
    log_prior : callable
        ``log_prior(params, data)``, natural scale, up to a constant.
    options : mapping
        Options of the model's declaration.
    """

    data: Mapping[str, Any]
    trials: tuple[Params, ...]
    map_step: Callable[..., Params]
    q: Callable[..., float]
    log_prior: Callable[..., float]
    options: Mapping[str, Any] = field(default_factory=dict)


def late[T](function: Callable[..., T]) -> Callable[..., T]:
    """Return a function that returns the result of its previous call."""
    kept: list[T] = []

    def previous(*args: Any) -> T:
        kept[:] = [*kept[-1:], function(*args)]
        return kept[0]

    return previous


def arrays(**values: Any) -> dict[str, np.ndarray]:
    """Return params as the steps receive them."""
    return {name: np.array(value, dtype=float) for name, value in values.items()}

"""Wrong derivations, and right ones that look wrong: what a check has to tell apart.

A mutant is a small, realistic edit of a derivation in the catalogue. It says where the mistake is
and which quantities come out wrong, so that a check is judged on both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Params = Mapping[str, Any]
Rows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One mistake.

    Attributes
    ----------
    model : str
        Name in the catalogue.
    kind, label : str
        The sort of mistake, and this one in words.
    step : {"E", "M", "log_likelihood", "fixed_point", "contract"}
        Where it is.
    also : frozenset of str
        Other steps at which a report of it is as right.
    names : frozenset of str
        The quantities that come out wrong.
    changes : mapping
        Fields of `LatentModel` that it changes.
    hint : str
        Words that a hint has to contain, if it has to.
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
        """All steps at which an error may rightly be reported."""
        return self.also | {self.step}

    def __str__(self) -> str:
        return f"{self.model}: {self.kind}: {self.label}"


@dataclass(frozen=True)
class Variant:
    """A derivation that is right though it looks unusual."""

    model: str
    label: str
    changes: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.model}: {self.label}"


@dataclass(frozen=True)
class Truth:
    """What mutants of one model are held against, written with NumPy alone.

    Attributes
    ----------
    data : mapping
        As the steps are given it.
    trials : tuple of mapping
        Params at which a wrong step shows.
    map_step : callable
        The M step that also maximises the log prior.
    q : callable
        ``q(expectations, data, params)``: Q, from the correct E step's expectations.
    log_prior : callable
        ``log_prior(params, data)``, natural scale, up to a constant.
    options : mapping
        Those with which the model is declared.
    """

    data: Mapping[str, Any]
    trials: tuple[Params, ...]
    map_step: Callable[..., Params]
    q: Callable[..., float]
    log_prior: Callable[..., float]
    options: Mapping[str, Any] = field(default_factory=dict)


def late[T](function: Callable[..., T]) -> Callable[..., T]:
    """What the function returned at the call before."""
    kept: list[T] = []

    def previous(*args: Any) -> T:
        kept[:] = [*kept[-1:], function(*args)]
        return kept[0]

    return previous


def arrays(**values: Any) -> dict[str, np.ndarray]:
    """Params as the steps are given them."""
    return {name: np.array(value, dtype=float) for name, value in values.items()}

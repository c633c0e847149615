"""Wrong derivations, and right ones that look unusual, on which the check is tested.

A mutant is a small, realistic edit of a derivation in the catalogue. It states where the mistake is
and which quantities are wrong because of it, so that the check is tested on both.

All modules of this folder are imported here; to add mutants, add one new module and edit nothing
else. A module defines

- ``MUTANTS``, a tuple of `Mutant` objects, of one or several models;
- ``CORRECT``, optionally, a tuple of `Variant` objects;
- ``TRUTHS``, ``{model: Truth}``, for models that no other module has a `Truth` for. Several modules
  may have mutants of one model, and exactly one of them has its truth.

As an example, a module with a mutant of the mixture of two normal distributions, whose truth is in
``gaussian_mixture.py``::

    import numpy as np

    from mutants import Mutant, Params


    def _tenfold(expectations: Params, data: Params) -> Params:
        r, x = expectations["z"], data["x"]
        mu = x @ r / r.sum(axis=0)
        variance = (r * (x[:, None] - mu) ** 2).sum(axis=0) / r.sum(axis=0)
        return {"w": r.mean(axis=0), "mu": 10 * mu, "sigma": np.sqrt(variance)}


    MUTANTS = (
        Mutant(
            model="gaussian-mixture",
            kind="constant factor",
            label="ten times the mean",
            step="M",
            names=frozenset(["mu"]),
            changes={"m_step": _tenfold},
            hint="ten times",
        ),
    )
"""

import importlib
import pkgutil
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


_MODULES = [
    importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)
]

MUTANTS: tuple[Mutant, ...] = tuple(mutant for module in _MODULES for mutant in module.MUTANTS)
CORRECT: tuple[Variant, ...] = tuple(
    variant for module in _MODULES for variant in getattr(module, "CORRECT", ())
)
TRUTHS: dict[str, Truth] = {}
for _module in _MODULES:
    for _model, _truth in getattr(_module, "TRUTHS", {}).items():
        if _model in TRUTHS:
            raise ValueError(f"{_module.__name__}: another module has a truth of {_model}")
        TRUTHS[_model] = _truth

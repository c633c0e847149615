"""What a strategy is, and how the strategies of a folder are found."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module
from pkgutil import iter_modules

from pymc_extras.model.marginal.distributions.core import MarginalRV

# From inputs, outputs and properties of a latent to the operation without it, or None.
Build = Callable[..., MarginalRV | None]


class Precedence(IntEnum):
    """The order in which strategies are tried; lower values first."""

    SPECIAL_CASE = 0
    """Exact and faster than a closed form that would apply as well."""
    CLOSED_FORM = 1
    """Exact."""
    NUMERICAL = 2
    """Approximate, with an error that is reported."""


@dataclass(frozen=True)
class Strategy:
    """A strategy that marginalises a latent.

    Attributes
    ----------
    precedence : Precedence
    build : callable
        ``build(inputs, outputs, **marginalized)``, as described in
        `latentfit.bayes.marginalize`.
    """

    precedence: Precedence
    build: Build


_HIGHEST: ContextVar[Precedence] = ContextVar("highest precedence", default=Precedence.NUMERICAL)


@contextmanager
def strategies_up_to(precedence: Precedence) -> Iterator[None]:
    """Within the block, leave out strategies of a later precedence."""
    before = _HIGHEST.set(precedence)
    try:
        yield
    finally:
        _HIGHEST.reset(before)


def is_considered(strategy: Strategy) -> bool:
    """Return whether `strategies_up_to` leaves a strategy in."""
    return strategy.precedence <= _HIGHEST.get()


def discover_strategies(package: str, path: Iterable[str]) -> tuple[Strategy, ...]:
    """Import all modules of a package, and collect the strategies that they define.

    Parameters
    ----------
    package : str
        Name of the package.
    path : iterable of str
        Its folders.

    Returns
    -------
    tuple of Strategy
        In the order in which they are to be tried: by precedence, then by name of module.
    """
    names = sorted(module.name for module in iter_modules(path) if not module.ispkg)
    modules = [import_module(f"{package}.{name}") for name in names]
    found: list[Strategy] = [one.STRATEGY for one in modules if hasattr(one, "STRATEGY")]
    return tuple(sorted(found, key=lambda strategy: strategy.precedence))

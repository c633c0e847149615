"""What a construct is: a PyMC model, and its log-likelihood by another computation."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pymc as pm


@dataclass(frozen=True)
class Works:
    """A construct whose log-likelihood latentfit computes.

    Attributes
    ----------
    model : callable
        Builds the model. It is called by latentfit, as a user's model function is.
    latents : tuple of str
    log_likelihood : callable
        log p(x | θ) as a function of the parameters, natural scale, by their names. It uses
        neither latentfit nor PyMC.
    points : tuple of mapping
        Values of the parameters at which the two are compared, natural scale.
    """

    model: Callable[[], pm.Model]
    latents: tuple[str, ...]
    log_likelihood: Callable[..., float]
    points: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Refused:
    """A construct that latentfit refuses.

    Attributes
    ----------
    model : callable
        Builds the model.
    latents : tuple of str
    sentence : str
        A regular expression that the refusal matches.
    sampled : bool
        Whether only the log-likelihood is refused, and a check of steps uses draws of the latents
        by NUTS instead.
    """

    model: Callable[[], pm.Model]
    latents: tuple[str, ...]
    sentence: str
    sampled: bool = False


@dataclass(frozen=True)
class Construct:
    """A construct and its place in the list.

    Attributes
    ----------
    name : str
        Name of the function that declares it.
    title : str
        First line of the function's docstring.
    theme : str
        First line of the docstring of the function's module.
    declare : callable
        The function, which returns `Works` or `Refused`.
    """

    name: str
    title: str
    theme: str
    declare: Callable[[], Works | Refused]


def constructs_of(package: ModuleType) -> tuple[Construct, ...]:
    """List the constructs of all theme modules, in the order in which they stand there.

    A theme module is a module without a leading underscore. Each function that it defines, except
    those with a leading underscore, is a construct.
    """
    names = sorted(module.name for module in iter_modules(package.__path__))
    themes = [import_module(f"{package.__name__}.{name}") for name in names if name[0] != "_"]
    return tuple(construct for theme in themes for construct in _constructs_in(theme))


def _constructs_in(theme: ModuleType) -> Iterator[Construct]:
    for name, function in tuple(vars(theme).items()):
        own = inspect.isfunction(function) and function.__module__ == theme.__name__
        if own and not name.startswith("_"):
            yield Construct(name, _first_line(function), _first_line(theme), function)


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0].rstrip(".")

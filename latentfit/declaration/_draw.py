"""New data from a declaration whose observed variables are arguments of ``model``."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
from pymc.pytensorf import compile, reseed_rngs

from latentfit.declaration._arguments import Data, masked, typed
from latentfit.declaration._compile import interpreting
from latentfit.declaration._declaration import Declaration
from latentfit.declaration._space import space
from latentfit.errors import DeclarationError

Draw = Callable[[int, np.random.Generator], list[Data]]


def sampler(
    declaration: Declaration, arguments: Mapping[str, np.ndarray], params: Mapping[str, Any]
) -> Draw:
    """What draws data sets from a declaration at given values of its parameters.

    Parameters
    ----------
    declaration : Declaration
    arguments : mapping
        The data that it was built on: those that are not observed stay as they are, and what
        is missing in them stays missing.
    params : mapping
        Of the declaration, natural scale; its deterministics may stand for parameters.

    Returns
    -------
    callable
        ``draw(samples, rng)``; compiled once.

    Raises
    ------
    DeclarationError
        An observed variable is no argument, or `params` are not values of the parameters.
    """
    names = _names(declaration, arguments)
    found = space(declaration)
    natural = found.constrain(found.locate(params))
    model = pm.do(declaration.model, {name: natural[name] for name in declaration.parameters})
    with interpreting():
        one, updates = compile(
            [], [model[name] for name in names], random_seed=False, return_updates=True
        )

    def data(values: list[np.ndarray]) -> Data:
        drawn = zip(names, values, strict=True)
        return {**arguments, **{name: _like(value, arguments[name]) for name, value in drawn}}

    def draw(samples: int, rng: np.random.Generator) -> list[Data]:
        reseed_rngs(list(updates), int(rng.integers(2**30)))
        return [data(one()) for _ in range(samples)]

    return draw


def _names(declaration: Declaration, arguments: Mapping[str, np.ndarray]) -> list[str]:
    """The arguments that the observed variables are."""
    names = []
    for variable in declaration.observed:
        # Where values are missing, PyMC splits a variable in two, and joins them under its name.
        whole = variable.removesuffix("_observed")
        name = whole if f"{whole}_unobserved" in declaration.latents else variable
        if name not in arguments:
            raise DeclarationError(
                f"{variable} is observed and is no argument of model, which takes "
                f"{', '.join(arguments)}: how new data come of it, "
                f"simulate(params, data, rng) has to say"
            )
        names.append(name)
    return names


def _like(values: np.ndarray, data: np.ndarray) -> np.ndarray:
    """The values in the type of the data, and missing where these are."""
    found = typed(values, data)
    holes = np.ma.getmaskarray(masked({"data": data})["data"])
    if isinstance(data, np.ma.MaskedArray):
        return np.ma.array(found, mask=holes)
    if holes.any():
        found[holes] = np.nan
    return found

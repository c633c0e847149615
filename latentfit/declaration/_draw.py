"""New data from a declaration whose observed variables are arguments of ``model``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm

from latentfit.declaration._arguments import Data, masked, typed
from latentfit.declaration._compile import interpreting
from latentfit.declaration._declaration import Declaration
from latentfit.declaration._space import space
from latentfit.errors import DeclarationError


def draw(
    declaration: Declaration,
    arguments: Mapping[str, np.ndarray],
    params: Mapping[str, Any],
    samples: int,
    rng: np.random.Generator,
) -> list[Data]:
    """Data sets drawn from a declaration at given values of its parameters.

    Parameters
    ----------
    declaration : Declaration
    arguments : mapping
        The data that it was built on: those that are not observed stay as they are, and what
        is missing in them stays missing.
    params : mapping
        Of the declaration, natural scale; its deterministics may stand for parameters.
    samples : int
    rng : Generator

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
        drawn = pm.draw([model[name] for name in names], samples, random_seed=rng)
    # A single one comes without an axis of samples.
    rows = [
        np.reshape(values, (samples, *arguments[name].shape))
        for name, values in zip(names, drawn, strict=True)
    ]
    return [
        {**arguments, **{n: _like(v, arguments[n]) for n, v in zip(names, each, strict=True)}}
        for each in zip(*rows, strict=True)
    ]


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

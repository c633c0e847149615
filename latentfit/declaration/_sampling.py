"""Draw data sets from a declaration whose observed variables are arguments of ``model``."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
from pymc.pytensorf import compile, reseed_rngs

from latentfit.declaration._declaration import Declaration
from latentfit.declaration._parameter_space import parameter_space
from latentfit.declaration.compilation import interpreted_compilation
from latentfit.declaration.data import Data, cast_like, mask_missing
from latentfit.errors import DeclarationError

DataSampler = Callable[[int, np.random.Generator], list[Data]]


def data_sampler(
    declaration: Declaration, arguments: Mapping[str, np.ndarray], params: Mapping[str, Any]
) -> DataSampler:
    """Compile a function that draws data sets from a declaration at given parameter values.

    Parameters
    ----------
    declaration : Declaration
    arguments : mapping
        The data that the declaration was built on. Arguments that are not observed variables are
        copied to each data set, and values that are missing here are missing there.
    params : mapping
        Values of the parameters, natural scale, or of deterministics that determine them.

    Returns
    -------
    callable
        ``draw(samples, rng)``, which returns a list of `samples` data sets.

    Raises
    ------
    DeclarationError
        If an observed variable is not an argument, or if `params` does not determine the
        parameters.
    """
    names = _observed_arguments(declaration, arguments)
    space = parameter_space(declaration)
    natural = space.constrain(space.locate(params))
    model = pm.do(declaration.model, {name: natural[name] for name in declaration.parameters})
    with interpreted_compilation():
        draw_observed, updates = compile(
            [], [model[name] for name in names], random_seed=False, return_updates=True
        )

    def data_set(values: list[np.ndarray]) -> Data:
        drawn = zip(names, values, strict=True)
        return {
            **arguments,
            **{name: _like_argument(value, arguments[name]) for name, value in drawn},
        }

    def draw(samples: int, rng: np.random.Generator) -> list[Data]:
        reseed_rngs(list(updates), int(rng.integers(2**30)))
        return [data_set(draw_observed()) for _ in range(samples)]

    return draw


def _observed_arguments(declaration: Declaration, arguments: Mapping[str, np.ndarray]) -> list[str]:
    """Return the name of the argument that each observed variable is."""
    names = []
    for variable in declaration.observed:
        # PyMC splits a variable with missing values into y_observed and y_unobserved, and joins
        # them under the name y.
        joined = variable.removesuffix("_observed")
        name = joined if f"{joined}_unobserved" in declaration.latents else variable
        if name not in arguments:
            raise DeclarationError(
                f"new data cannot be drawn: {variable} is observed and is no argument of model, "
                f"which takes {', '.join(arguments)}; define simulate(params, data, rng) to draw "
                f"them"
            )
        names.append(name)
    return names


def _like_argument(values: np.ndarray, argument: np.ndarray) -> np.ndarray:
    """Return drawn values with the dtype and the missing entries of an argument."""
    drawn = cast_like(values, argument)
    missing = np.ma.getmaskarray(mask_missing({"argument": argument})["argument"])
    if isinstance(argument, np.ma.MaskedArray):
        return np.ma.array(drawn, mask=missing)
    if missing.any():
        drawn[missing] = np.nan
    return drawn

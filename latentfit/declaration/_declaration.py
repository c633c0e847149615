"""A PyMC model and the roles of its variables."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
from pymc.exceptions import ImputationWarning
from pymc.model.transform.optimization import freeze_dims_and_data
from pytensor.graph.basic import Constant
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors

from latentfit.declaration._arguments import Data, masked
from latentfit.declaration._compile import double_precision, function
from latentfit.errors import DeclarationError


@dataclass(frozen=True)
class Declaration:
    """The one statement of the model, built on data, with every variable's role found.

    Attributes
    ----------
    model : pm.Model
        The joint view: log p(x, z | θ) and the prior.
    latents : tuple of str
        Free variables that EM treats as missing data, z.
    parameters : tuple of str
        The other free variables, θ.
    deterministics : tuple of str
        Deterministics that follow from the parameters alone.
    observed : tuple of str
        Observed variables, as PyMC names them (``y_observed`` where values are missing).
    data : dict
        What the E and M steps are given: observed variables under the names that they were
        declared with, masked where values are missing, ``pm.Data`` containers, and the
        arguments of ``model``.
    """

    model: pm.Model
    latents: tuple[str, ...]
    parameters: tuple[str, ...]
    deterministics: tuple[str, ...]
    observed: tuple[str, ...]
    data: Data


def declare(
    build: Callable[..., pm.Model] | pm.Model,
    latents: Sequence[str],
    arguments: Mapping[str, np.ndarray],
    options: Mapping[str, Any],
) -> Declaration:
    """Build the model on data and find the role of each of its variables.

    Parameters
    ----------
    build : callable or pm.Model
        ``model(data, **options)``, or the model itself.
    latents : sequence of str
    arguments, options : mapping
        Handed to `build` by name.

    Raises
    ------
    DeclarationError
        `build` does not return a PyMC model, a latent is not one of its free variables, nothing
        is observed, no parameter is left, or there is a Potential (which is neither prior nor
        likelihood until somebody says so).
    """
    model = _built(build, arguments, options)
    free = tuple(variable.name for variable in model.free_RVs)
    for latent in latents:
        if latent not in free:
            raise DeclarationError(
                f"the model has no free variable {latent!r} to be a latent: "
                f"its free variables are {', '.join(free) or 'none'}"
            )
    model = _sized(model, latents)
    if not model.observed_RVs:
        raise DeclarationError("the model observes nothing: give a variable observed=...")
    if model.potentials:
        names = ", ".join(potential.name for potential in model.potentials)
        raise DeclarationError(
            f"the model holds a Potential ({names}), which is neither prior nor likelihood; "
            f"write it as a distribution"
        )
    parameters = tuple(name for name in free if name not in latents)
    if not parameters:
        raise DeclarationError("every free variable is a latent: no parameter is left to estimate")
    deterministics = tuple(
        variable.name
        for variable in model.deterministics
        if not _depends(variable, [model[name] for name in latents])
    )
    data = _data(model)
    _same_as_arguments(data, arguments)
    # EM alone is given the arguments; with PyMC the steps see no less.
    data = masked(arguments) | data
    observed = tuple(variable.name for variable in model.observed_RVs)
    return Declaration(model, tuple(latents), parameters, deterministics, observed, data)


def _built(
    build: Callable[..., pm.Model] | pm.Model,
    arguments: Mapping[str, np.ndarray],
    options: Mapping[str, Any],
) -> pm.Model:
    if isinstance(build, pm.Model):
        return build
    with double_precision(), warnings.catch_warnings():
        # That missing values become latents is what such a declaration is for.
        warnings.simplefilter("ignore", ImputationWarning)
        model = build(**arguments, **options)
    if not isinstance(model, pm.Model):
        raise DeclarationError(f"model() must return a pm.Model, and returned {model!r}")
    return model


def _sized(model: pm.Model, latents: Sequence[str]) -> pm.Model:
    """The model with the shapes of its continuous latents in its graph, also if dims give them."""
    continuous = [model[name] for name in latents if model[name].dtype.startswith("float")]
    if all(None not in variable.type.shape for variable in continuous):
        return model
    return freeze_dims_and_data(model, data=())


def _depends(variable: Any, on: Iterable[Any]) -> bool:
    return not set(ancestors([variable])).isdisjoint(on)


def _data(model: pm.Model) -> Data:
    values = {container.name: container.get_value() for container in model.data_vars}
    imputed = {
        variable.name: variable
        for variable in model.deterministics
        if f"{variable.name}_observed" in model.named_vars
        and f"{variable.name}_unobserved" in model.named_vars
    }
    for variable in model.observed_RVs:
        whole = variable.name.removesuffix("_observed")
        if whole in imputed:
            values[whole] = _with_holes(model, imputed[whole])
        else:
            values[variable.name] = _value(model.rvs_to_values[variable])
    return masked(values)


def _value(variable: Any) -> np.ndarray:
    """What a graph without inputs evaluates to; a constant needs no compilation."""
    if isinstance(variable, Constant):
        return np.asarray(variable.data)
    return np.asarray(function([], variable)())


def _with_holes(model: pm.Model, joined: Any) -> np.ndarray:
    """The observed array of a variable that PyMC has split, masked where nothing was observed.

    The Deterministic that joins the two parts is evaluated with the missing part filled in two
    ways; where the results differ, nothing was observed.
    """
    hidden = model[f"{joined.name}_unobserved"]
    seen = model[f"{joined.name}_observed"]
    filling = hidden.type("filling")
    graph = graph_replace(
        [joined], {hidden: filling, seen: model.rvs_to_values[seen]}, strict=False
    )
    evaluate = function([filling], graph)
    shape = _value(hidden.shape)
    (zeros,), (ones,) = (evaluate(np.full(shape, value, dtype=hidden.dtype)) for value in (0, 1))
    return np.ma.array(zeros, mask=zeros != ones)


def _same_as_arguments(data: Data, arguments: Mapping[str, np.ndarray]) -> None:
    """Guard the one short cut there is: EM alone takes the arguments for the data."""
    for name in data.keys() & arguments.keys():
        ours, theirs = masked(arguments)[name], data[name]
        same = ours.shape == theirs.shape and bool(
            np.ma.allclose(ours, theirs, rtol=0, atol=0)
            and np.array_equal(np.ma.getmaskarray(ours), np.ma.getmaskarray(theirs))
        )
        if not same:
            raise DeclarationError(
                f"model() changes its argument {name!r} before it declares {name!r} observed: "
                f"the steps would not know which is meant; give one of them another name"
            )

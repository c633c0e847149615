"""Build a PyMC model on data and determine the roles of its variables."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pymc as pm
from pymc.distributions.simulator import SimulatorRV
from pymc.exceptions import ImputationWarning
from pymc.model.fgraph import clone_model
from pymc.model.transform.optimization import freeze_dims_and_data
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors

from latentfit.declaration.compilation import compile_function, double_precision
from latentfit.declaration.data import Data, mask_missing
from latentfit.declaration.words import enumerated
from latentfit.errors import DeclarationError, brief_repr

# PyMC warns, each time it copies a model with a reparameterised Gaussian process, that the objects
# with which the process was declared do not belong to the copy. They are not used.
warnings.filterwarnings("ignore", message="Detected variables likely created by GP objects")


@dataclass(frozen=True)
class Declaration:
    """A PyMC model that was built on data, with the role of each of its variables.

    Attributes
    ----------
    model : pm.Model
        The joint model: log p(x, z | θ) and the prior of θ.
    latents : tuple of str
        Free variables that EM treats as missing data, z.
    parameters : tuple of str
        All other free variables, θ.
    deterministics : tuple of str
        Deterministics that depend on parameters only.
    observed : tuple of str
        Observed variables under PyMC's names, which is ``y_observed`` if values of y are missing.
    data : dict
        The data that the E and M steps receive: the arguments of the model function as they were
        given; observed variables under the names that the model function gives them, masked where
        values are missing; and ``pm.Data`` containers.
    initial_values : dict
        The values that the model gives as ``initval=``, natural scale, by name of the variable.
        They are starts. `model` itself has none.
    """

    model: pm.Model
    latents: tuple[str, ...]
    parameters: tuple[str, ...]
    deterministics: tuple[str, ...]
    observed: tuple[str, ...]
    data: Data
    initial_values: dict[str, np.ndarray] = field(default_factory=dict)


def declare(
    build: Callable[..., pm.Model] | pm.Model,
    latents: Sequence[str],
    arguments: Mapping[str, np.ndarray],
    options: Mapping[str, Any],
) -> Declaration:
    """Build the model on data and determine the role of each of its variables.

    Parameters
    ----------
    build : callable or pm.Model
        The model function, ``model(data, **options)``, or a model that is built already.
    latents : sequence of str
        Names of the free variables that EM treats as missing data.
    arguments : mapping
        Data arguments of `build`, by name.
    options : mapping
        Options of `build`, by name.

    Raises
    ------
    DeclarationError
        If `build` does not return a PyMC model, or if the model lacks a latent among its free
        variables, has no observed variable, has no parameter besides the latents, has a Potential
        that depends on parameters or latents (which may belong to the prior or to the likelihood;
        one that depends on data alone is a constant), has a Simulator, or observes other values
        than the argument of the same name holds.
    """
    model = _build_model(build, arguments, options)
    free = tuple(variable.name for variable in model.free_RVs)
    for latent in latents:
        if latent not in free:
            raise DeclarationError(
                f"the model has no free variable {latent!r} to be a latent: "
                f"its free variables are {', '.join(free) or 'none'}"
            )
    model, initial_values = _without_initial_values(model)
    model = _freeze_latent_shapes(model, latents)
    if not model.observed_RVs:
        raise DeclarationError(
            "the model observes nothing: pass observed=... to one of its variables"
        )
    simulated = [rv.name for rv in model.basic_RVs if isinstance(rv.owner.op, SimulatorRV)]
    if simulated:
        raise DeclarationError(
            f"the distribution of {enumerated(simulated)} is a Simulator, whose log density is "
            f"random, so that no likelihood can be computed; write it as a distribution with a "
            f"density, such as pm.CustomDist with logp="
        )
    undecided = [one for one in model.potentials if _depends_on(one, model.free_RVs)]
    if undecided:
        names = ", ".join(potential.name for potential in undecided)
        raise DeclarationError(
            f"the model has a Potential ({names}), which may belong to the prior or to the "
            f"likelihood; write it as a distribution"
        )
    parameters = tuple(name for name in free if name not in latents)
    if not parameters:
        raise DeclarationError("every free variable is a latent: no parameter is left to estimate")
    deterministics = tuple(
        variable.name
        for variable in model.deterministics
        if not _depends_on(variable, [model[name] for name in latents])
    )
    data = _observed_data(model)
    _check_observed_equal_arguments(data, arguments)
    # `fit` passes the arguments to the steps without building the model. The steps must be given
    # the same types here: PyMC stores counts as integers, although a table holds them as floats.
    data = data | mask_missing(arguments)
    observed = tuple(variable.name for variable in model.observed_RVs)
    return Declaration(
        model, tuple(latents), parameters, deterministics, observed, data, initial_values
    )


def _without_initial_values(model: pm.Model) -> tuple[pm.Model, dict[str, np.ndarray]]:
    """Return a copy of a model without initial values, and these values.

    PyMC's functions that rewrite a model do not accept one with initial values. A model without
    any is returned itself. The words "support_point" and "prior" in place of a value are ignored.
    """
    given = {rv: value for rv, value in model.rvs_to_initial_values.items() if value is not None}
    if not given:
        return model, {}
    values = {
        rv.name: np.asarray(_evaluate(value) if isinstance(value, Variable) else value)
        for rv, value in given.items()
        if not isinstance(value, str)
    }
    # The model may belong to the caller, so that its initial values are put back.
    model.rvs_to_initial_values.update(dict.fromkeys(given))
    try:
        return clone_model(model), values
    finally:
        model.rvs_to_initial_values.update(given)


def _build_model(
    build: Callable[..., pm.Model] | pm.Model,
    arguments: Mapping[str, np.ndarray],
    options: Mapping[str, Any],
) -> pm.Model:
    if isinstance(build, pm.Model):
        return build
    with double_precision(), warnings.catch_warnings():
        # PyMC warns that missing values become latents, which such a declaration intends.
        warnings.simplefilter("ignore", ImputationWarning)
        model = build(**arguments, **options)
    if not isinstance(model, pm.Model):
        raise DeclarationError(f"model() must return a pm.Model, but returned {brief_repr(model)}")
    return model


def _freeze_latent_shapes(model: pm.Model, latents: Sequence[str]) -> pm.Model:
    """Make the shapes of continuous latents constants of the graph, also if dims give them."""
    continuous = [model[name] for name in latents if model[name].dtype.startswith("float")]
    if all(None not in variable.type.shape for variable in continuous):
        return model
    return freeze_dims_and_data(model, data=())


def _depends_on(variable: Any, others: Iterable[Any]) -> bool:
    return not set(ancestors([variable])).isdisjoint(others)


def _observed_data(model: pm.Model) -> Data:
    """Return the values of data containers and observed variables, masked where missing."""
    values = {container.name: container.get_value() for container in model.data_vars}
    imputed = {
        variable.name: variable
        for variable in model.deterministics
        if f"{variable.name}_observed" in model.named_vars
        and f"{variable.name}_unobserved" in model.named_vars
    }
    for variable in model.observed_RVs:
        name = variable.name.removesuffix("_observed")
        if name in imputed:
            values[name] = _partly_observed_values(model, imputed[name])
        else:
            values[variable.name] = _evaluate(model.rvs_to_values[variable])
    return mask_missing(values)


def _evaluate(variable: Any) -> np.ndarray:
    """Evaluate a graph without inputs; a constant is not compiled."""
    if isinstance(variable, Constant):
        return np.asarray(variable.data)
    return np.asarray(compile_function([], variable)())


def _partly_observed_values(model: pm.Model, joined: Any) -> np.ndarray:
    """Return the values of a partly observed variable, masked where they are missing.

    PyMC splits such a variable into an observed and an unobserved part, and joins them in a
    Deterministic. This is evaluated with zeros and with ones for the unobserved part: entries that
    differ are missing.
    """
    unobserved = model[f"{joined.name}_unobserved"]
    observed = model[f"{joined.name}_observed"]
    filling = unobserved.type("filling")
    graph = graph_replace(
        [joined], {unobserved: filling, observed: model.rvs_to_values[observed]}, strict=False
    )
    evaluate = compile_function([filling], graph)
    shape = _evaluate(unobserved.shape)
    (zeros,), (ones,) = (
        evaluate(np.full(shape, value, dtype=unobserved.dtype)) for value in (0, 1)
    )
    return np.ma.array(zeros, mask=zeros != ones)


def _check_observed_equal_arguments(data: Data, arguments: Mapping[str, np.ndarray]) -> None:
    """Check that an observed variable holds the argument of its name unchanged.

    `LatentModel.fit` passes the arguments to the steps without building the model. The steps would
    otherwise receive different data with and without PyMC.
    """
    for name in data.keys() & arguments.keys():
        argument, observed = mask_missing(arguments)[name], data[name]
        same = argument.shape == observed.shape and bool(
            np.ma.allclose(argument, observed, rtol=0, atol=0)
            and np.array_equal(np.ma.getmaskarray(argument), np.ma.getmaskarray(observed))
        )
        if not same:
            raise DeclarationError(
                f"model() changes its argument {name!r} before it declares {name!r} observed, so "
                f"that data[{name!r}] could mean either; rename one of them"
            )

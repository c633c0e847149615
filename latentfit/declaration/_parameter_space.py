"""Build the parameter space of a declaration from the transforms of its PyMC model."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.initial_point import make_initial_point_fn
from pytensor.graph.replace import graph_replace

from latentfit.declaration._declaration import Declaration
from latentfit.declaration._space import Space, split_vector
from latentfit.declaration._transforms import (
    BOUND_AT_INFINITY,
    TWO_SIDED,
    Bounds,
    describe_support,
)
from latentfit.declaration.compilation import (
    compile_function,
    interpreted_compilation,
    stabilise,
)
from latentfit.errors import DeclarationError

# Unconstrained value that stands for infinity: exp(-750) underflows to zero, so that a parameter
# with two bounds equals one of them there.
_UNDERFLOWING_EXPONENT = 750.0


def parameter_space(declaration: Declaration) -> Space:
    """Build the parameter space of a declaration.

    Raises
    ------
    DeclarationError
        If a parameter is discrete, or if an initial value lies outside the support.
    """
    model = declaration.model
    variables = [model[name] for name in declaration.parameters]
    for variable in variables:
        if variable.dtype.startswith(("int", "uint", "bool")):
            raise DeclarationError(
                f"the parameter {variable.name!r} is discrete, but EM estimates continuous "
                f"parameters only; if {variable.name!r} is a latent, add it to latents"
            )
    with interpreted_compilation():
        initial = _initial_point(declaration)
    values = [model.rvs_to_values[variable] for variable in variables]
    layout = tuple((value.name, np.shape(initial[value.name])) for value in values)
    origin = np.concatenate([np.ravel(initial[value.name]) for value in values])

    names = (*declaration.parameters, *declaration.deterministics)
    point = pt.vector("point")
    parts = split_vector(point, layout)
    natural = graph_replace(
        model.replace_rvs_by_values([model[name] for name in names]),
        {value: parts[value.name] for value in values},
        strict=False,
    )
    backward = compile_function([point], stabilise(natural), rewritten=True)
    shapes = {name: np.shape(value) for name, value in zip(names, backward(origin), strict=True)}

    inputs = [variable.type(variable.name) for variable in variables]
    transformed = graph_replace(
        [_transformed(model, variable) for variable in variables],
        dict(zip(variables, inputs, strict=True)),
        strict=False,
    )
    forward = compile_function(inputs, stabilise(transformed), rewritten=True)

    transforms = {variable.name: _transform_name(model, variable) for variable in variables}
    bounded = [
        np.full(math.prod(shape), transforms[variable.name] in BOUND_AT_INFINITY)
        for variable, (_, shape) in zip(variables, layout, strict=True)
    ]
    return Space(
        declaration.parameters,
        shapes,
        layout,
        origin.astype(float),
        np.concatenate(bounded),
        transforms,
        _finite_bounds(transforms, names, backward, origin.shape),
        forward,
        backward,
    )


def _initial_point(declaration: Declaration) -> dict[str, np.ndarray]:
    """Return the unconstrained values of the declared initial values, by value variable.

    Variables without an initial value have PyMC's default.

    Raises
    ------
    DeclarationError
        If an initial value lies outside the support of its variable.
    """
    model, given = declaration.model, declaration.initial_values
    initial: dict[str, np.ndarray] = make_initial_point_fn(model=model, overrides=dict(given))(None)
    for name in given:
        value = model.rvs_to_values[model[name]].name
        if not np.all(np.isfinite(initial[value])):
            raise DeclarationError(
                f"initval of {name!r} is {np.array2string(given[name], precision=6, threshold=8)}, "
                f"which is outside the support of {name!r}: it should be "
                f"{describe_support(_transform_name(model, model[name]))}"
            )
    return initial


def _transformed(model: Any, variable: Any) -> Any:
    """Return the graph of a variable's unconstrained value."""
    transform = model.rvs_to_transforms[variable]
    if transform is None:
        return variable
    return transform.forward(variable, *variable.owner.inputs)


def _finite_bounds(
    transforms: Mapping[str, str],
    names: tuple[str, ...],
    backward: Callable[..., list[np.ndarray]],
    shape: tuple[int, ...],
) -> dict[str, Bounds]:
    """Return the lower and upper bound of each parameter for which both are finite.

    The bounds are the natural values at minus and plus infinity.
    """
    if TWO_SIDED.isdisjoint(transforms.values()):
        return {}
    with np.errstate(all="ignore"):
        low, high = (
            dict(zip(names, backward(np.full(shape, sign * _UNDERFLOWING_EXPONENT)), strict=True))
            for sign in (-1.0, 1.0)
        )
    return {
        name: (low[name], high[name])
        for name, transform in transforms.items()
        if transform in TWO_SIDED and np.all(np.isfinite(high[name] - low[name]))
    }


def _transform_name(model: Any, variable: Any) -> str:
    return getattr(model.rvs_to_transforms[variable], "name", "")

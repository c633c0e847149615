"""Parameters on two scales: natural, as people state them, and unconstrained, as optimisers
and NUTS move them (PyMC's own transforms: log, log-odds, simplex, ...)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from latentfit.declaration._compile import function, interpreting, stable
from latentfit.declaration._declaration import Declaration
from latentfit.errors import DeclarationError

Params = dict[str, np.ndarray]

_SUPPORT = {
    "log": "positive",
    "log_exp_m1": "positive",
    "logodds": "between 0 and 1",
    "interval": "within its bounds",
    "simplex": "positive, with sums of 1 along the last axis",
    "ordered": "in increasing order",
    "cholesky-cov-packed": "the packed Cholesky factor of a covariance",
}

# Transforms by which an edge of the support lies at infinity, in units of one factor e.
_EDGED = {"log", "log_exp_m1", "logodds", "interval", "simplex"}

_LOGARITHMS = {"log", "log_exp_m1"}
# Those that may have a range with two ends; and log-odds of which nothing is left of 1 - p.
_INTERVALS = {"logodds", "interval"}
_INFINITE = 750.0

# A probability or a scale of zero has no unconstrained value. This one stands for it; a larger one
# might be told from zero by data that are all but impossible without it.
_LEAST = 1e-100
# What an optimiser that goes towards zero gets to.
_NEARLY_ZERO = 1e-6

# Room for the rounding in a simplex whose entries were each computed on their own, and perhaps
# in single precision.
_ROUND_TRIP = 1e-6


@dataclass(frozen=True)
class Space:
    """The parameter space of a declaration.

    Attributes
    ----------
    parameters : tuple of str
        Names in the order in which they lie in the unconstrained vector.
    shapes : dict
        Natural shape of each parameter, and of each deterministic of the parameters.
    layout : tuple of (str, tuple of int)
        Name and shape of each value variable in the unconstrained vector.
    origin : ndarray, shape (size,)
        PyMC's initial point, unconstrained.
    bounded : ndarray of bool, shape (size,)
        Coordinates along which an edge of the support lies at infinity, and which are
        logarithms of what is bounded there: they do not depend on units.
    """

    parameters: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    layout: tuple[tuple[str, tuple[int, ...]], ...]
    origin: np.ndarray
    bounded: np.ndarray
    _transforms: dict[str, str]
    _bounds: dict[str, tuple[np.ndarray, np.ndarray]]
    _forward: Callable[..., list[np.ndarray]]
    _backward: Callable[..., list[np.ndarray]]

    @property
    def size(self) -> int:
        """Number of unconstrained coordinates."""
        return len(self.origin)

    @property
    def confined(self) -> np.ndarray:
        """Which coordinates belong to a parameter whose range has two ends, shape (size,)."""
        parts = [
            np.full(math.prod(shape), name in self._bounds)
            for name, (_, shape) in zip(self.parameters, self.layout, strict=True)
        ]
        return np.concatenate(parts)

    @property
    def constant(self) -> tuple[str, ...]:
        """Parameters that have but one value, as the weight of a single component has."""
        return tuple(
            name
            for name, (_, shape) in zip(self.parameters, self.layout, strict=True)
            if not math.prod(shape)
        )

    def constrain(self, point: np.ndarray) -> Params:
        """Natural values of parameters and their deterministics at an unconstrained point."""
        return dict(zip(self.shapes, self._backward(point), strict=True))

    def unconstrain(self, params: Mapping[str, Any]) -> np.ndarray:
        """The unconstrained point of natural parameter values.

        What lies at an end of its range is moved into the interior, as little as can be told.

        Raises
        ------
        DeclarationError
            A parameter is missing, has another shape, or lies outside its support.
        """
        for name in self.parameters:
            if name not in params:
                raise DeclarationError(
                    f"no value for the parameter {name!r}: the model's parameters are "
                    f"{', '.join(self.parameters)}, and {_listed(params)} was given"
                )
        self._check_shapes(params)
        values = [self._inside(name, params[name]) for name in self.parameters]
        with np.errstate(all="ignore"):
            point = np.concatenate([np.ravel(value) for value in self._forward(*values)])
            back = self.constrain(point)
        for name, value in zip(self.parameters, values, strict=True):
            scale = np.max(np.abs(value), initial=0.0)
            if not np.all(np.abs(back[name] - value) <= _ROUND_TRIP * scale):
                raise DeclarationError(
                    f"{name} = {np.array2string(value, precision=6, threshold=8)} is outside "
                    f"its support: it should be {self._support(name)}"
                )
        return point

    def transform(self, name: str) -> str:
        """PyMC's name of a parameter's transform, such as ``"log"``; empty where it has none."""
        return self._transforms[name]

    def on_boundary(self, natural: Mapping[str, np.ndarray], *, beside: bool = False) -> list[str]:
        """Labels of the parameters at an end of their range, but for 1e-6 of it.

        Of probabilities, that is; scales and rates have no range that says how small is zero.

        Parameters
        ----------
        beside : bool
            Also those that sum to one with such a parameter.
        """
        found = []
        for name in self.parameters:
            if (ends := self._range(name)) is None:
                continue
            low, high = ends
            near = _NEARLY_ZERO * (high - low)
            value = np.asarray(natural[name])
            every = labels(name, value.shape)
            edge = (value < low + near) | (value > high - near)
            if beside and self._transforms[name] == "simplex":
                edge = np.broadcast_to(edge.any(axis=-1, keepdims=True), edge.shape)
            found += [every[place] for place in np.flatnonzero(edge)]
        return found

    def _range(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        if name in self.constant:
            return None
        if self._transforms[name] == "simplex":
            return np.array(0.0), np.array(1.0)
        return self._bounds.get(name)

    def locate(self, values: Mapping[str, Any]) -> np.ndarray:
        """The unconstrained point at which parameters and deterministics have these values.

        Where all parameters are among the names, this is `unconstrain`; otherwise the point is
        solved for, by least squares on the unconstrained scale.

        Raises
        ------
        DeclarationError
            A name that the model does not have, a wrong shape, a value outside its support, or
            values that no parameters of the model lead to.
        """
        for name in values:
            if name not in self.shapes:
                raise DeclarationError(
                    f"the model has no parameter {name!r}: it has {', '.join(self.shapes)}"
                )
        if all(name in values for name in self.parameters):
            return self.unconstrain(values)
        self._check_shapes(values)
        return self._solve({name: np.asarray(value, float) for name, value in values.items()})

    def random(self, rng: np.random.Generator) -> Params:
        """PyMC's initial point, jittered by U(-1, 1) on the unconstrained scale."""
        point = self.origin + rng.uniform(-1, 1, self.size)
        return {name: self.constrain(point)[name] for name in self.parameters}

    def symbolic(self, point: Any) -> dict[str, Any]:
        """Split a symbolic unconstrained vector into the model's value variables, by name."""
        parts, position = {}, 0
        for name, shape in self.layout:
            size = math.prod(shape)
            parts[name] = point[position : position + size].reshape(shape)
            position += size
        return parts

    def _inside(self, name: str, value: Any) -> np.ndarray:
        array = np.asarray(value, dtype=float)
        transform = self._transforms.get(name)
        if transform == "simplex" and np.all(array >= 0):
            raised = np.maximum(array, _LEAST)
            return raised * (array.sum(axis=-1) / raised.sum(axis=-1))[..., None]
        if transform in _LOGARITHMS and np.all(array >= 0):
            return np.maximum(array, _LEAST)
        if name in self._bounds:
            low, high = self._bounds[name]
            if np.all((array >= low) & (array <= high)):
                least = np.maximum(np.nextafter(low, high), low + _LEAST)
                return np.clip(array, least, np.nextafter(high, low))
        return array

    def _support(self, name: str) -> str:
        return _SUPPORT.get(self._transforms[name], "finite, and where its prior has density")

    def _check_shapes(self, values: Mapping[str, Any]) -> None:
        for name in values.keys() & self.shapes.keys():
            if np.shape(values[name]) != self.shapes[name]:
                raise DeclarationError(
                    f"{name} has shape {np.shape(values[name])}, "
                    f"and the model's {name} has shape {self.shapes[name]}"
                )

    def _solve(self, values: Params) -> np.ndarray:
        from scipy.optimize import least_squares

        scales = {name: np.max(np.abs(value), initial=0.0) or 1.0 for name, value in values.items()}

        def residuals(point: np.ndarray) -> np.ndarray:
            natural = self.constrain(point)
            return np.concatenate(
                [np.ravel((natural[name] - value) / scales[name]) for name, value in values.items()]
            )

        found = least_squares(residuals, self.origin, xtol=1e-15, ftol=1e-15, gtol=1e-15)
        if np.max(np.abs(found.fun)) > _ROUND_TRIP:
            raise DeclarationError(
                f"no values of {', '.join(self.parameters)} give the estimated "
                f"{', '.join(values)}; to_model(params) can say which"
            )
        if np.linalg.matrix_rank(found.jac) < self.size:
            raise DeclarationError(
                f"the estimates of {', '.join(values)} do not determine "
                f"{', '.join(self.parameters)}; to_model(params) can supply the rest"
            )
        return found.x


def space(declaration: Declaration) -> Space:
    """Build the parameter space of a declaration.

    Raises
    ------
    DeclarationError
        A parameter is discrete.
    """
    model = declaration.model
    variables = [model[name] for name in declaration.parameters]
    for variable in variables:
        if variable.dtype.startswith(("int", "uint", "bool")):
            raise DeclarationError(
                f"the parameter {variable.name!r} is discrete; EM estimates continuous "
                f"parameters: is it a latent?"
            )
    with interpreting():
        initial = model.initial_point()
    values = [model.rvs_to_values[variable] for variable in variables]
    layout = tuple((value.name, np.shape(initial[value.name])) for value in values)
    origin = np.concatenate([np.ravel(initial[value.name]) for value in values])

    names = (*declaration.parameters, *declaration.deterministics)
    point = pt.vector("point")
    blank = Space((), {}, layout, origin, np.empty(0), {}, {}, lambda: [], lambda: [])
    parts = blank.symbolic(point)
    natural = graph_replace(
        model.replace_rvs_by_values([model[name] for name in names]),
        {value: parts[value.name] for value in values},
        strict=False,
    )
    backward = function([point], stable(natural), rewritten=True)
    shapes = {name: np.shape(value) for name, value in zip(names, backward(origin), strict=True)}

    stated = [variable.type(variable.name) for variable in variables]
    forward = function(
        stated,
        stable(
            graph_replace(
                [_forward(model, variable) for variable in variables],
                dict(zip(variables, stated, strict=True)),
                strict=False,
            )
        ),
        rewritten=True,
    )
    transforms = {variable.name: _transform(model, variable) for variable in variables}
    bounded = [
        np.full(math.prod(shape), transforms[variable.name] in _EDGED)
        for variable, (_, shape) in zip(variables, layout, strict=True)
    ]
    return Space(
        declaration.parameters,
        shapes,
        layout,
        origin.astype(float),
        np.concatenate(bounded),
        transforms,
        _bounded(transforms, names, backward, origin.shape),
        forward,
        backward,
    )


def labels(name: str, shape: tuple[int, ...]) -> list[str]:
    """Names of the scalar entries of a parameter: ``theta``; ``mu[0]``; ``P[0,1]``."""
    if not shape:
        return [name]
    return [f"{name}[{','.join(map(str, index))}]" for index in np.ndindex(shape)]


def _forward(model: Any, variable: Any) -> Any:
    transform = model.rvs_to_transforms[variable]
    if transform is None:
        return variable
    return transform.forward(variable, *variable.owner.inputs)


def _bounded(
    transforms: Mapping[str, str],
    names: tuple[str, ...],
    backward: Callable[..., list[np.ndarray]],
    shape: tuple[int, ...],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The ends of the ranges that are finite, as what infinity is transformed to."""
    if _INTERVALS.isdisjoint(transforms.values()):
        return {}
    with np.errstate(all="ignore"):
        low, high = (
            dict(zip(names, backward(np.full(shape, sign * _INFINITE)), strict=True))
            for sign in (-1.0, 1.0)
        )
    return {
        name: (low[name], high[name])
        for name, transform in transforms.items()
        if transform in _INTERVALS and np.all(np.isfinite(high[name] - low[name]))
    }


def _transform(model: Any, variable: Any) -> str:
    return getattr(model.rvs_to_transforms[variable], "name", "")


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "nothing"

"""The parameters of a declaration on the natural and on the unconstrained scale.

The natural scale is the one in which the model is written. The unconstrained scale is the one on
which optimisers and NUTS work, a real vector, by PyMC's own transforms (log, log-odds, simplex,
...).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.declaration._labels import Params, labels
from latentfit.declaration._transforms import Bounds, describe_support, move_into_interior
from latentfit.errors import DeclarationError

# An entry counts as on the boundary if its distance from a bound is less than this share of the
# range between the bounds. Optimisers that approach a bound get about this close.
_ON_BOUNDARY_SHARE_OF_RANGE = 1e-6

# Largest difference, relative to the largest entry, between values and what remains of them after
# both transforms. It allows for the rounding of a simplex whose entries were computed one by one,
# possibly in single precision.
_ROUND_TRIP_RELATIVE = 1e-6

# Tolerances of `scipy.optimize.least_squares`: the solution is as precise as doubles allow.
_LEAST_SQUARES_TOLERANCE = 1e-15


@dataclass(frozen=True)
class Space:
    """The parameter space of a declaration.

    Attributes
    ----------
    parameters : tuple of str
        Names of the parameters in the order of the unconstrained vector.
    shapes : dict
        Natural shape of each parameter and of each deterministic that depends on parameters only.
    layout : tuple of (str, tuple of int)
        Name and shape of each of PyMC's value variables in the unconstrained vector.
    origin : ndarray, shape (size,)
        PyMC's initial point, unconstrained.
    bounded : ndarray of bool, shape (size,)
        Coordinates along which a bound of the support lies at infinity. Near that bound they are
        logarithms of the distance from it, so that differences do not depend on units.
    """

    parameters: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    layout: tuple[tuple[str, tuple[int, ...]], ...]
    origin: np.ndarray
    bounded: np.ndarray
    _transforms: dict[str, str]
    _bounds: dict[str, Bounds]
    _forward: Callable[..., list[np.ndarray]]
    _backward: Callable[..., list[np.ndarray]]

    @property
    def size(self) -> int:
        """Number of unconstrained coordinates."""
        return len(self.origin)

    @property
    def two_sided(self) -> np.ndarray:
        """Coordinates of parameters with a finite lower and upper bound, bool, shape (size,).

        The entries of a simplex are not among them.
        """
        parts = [
            np.full(math.prod(shape), name in self._bounds)
            for name, (_, shape) in zip(self.parameters, self.layout, strict=True)
        ]
        return np.concatenate(parts)

    @property
    def constant(self) -> tuple[str, ...]:
        """Parameters with only one possible value, such as the weight of a single component."""
        return tuple(
            name
            for name, (_, shape) in zip(self.parameters, self.layout, strict=True)
            if not math.prod(shape)
        )

    def constrain(self, point: np.ndarray) -> Params:
        """Return the natural values of parameters and deterministics at an unconstrained point.

        Parameters
        ----------
        point : ndarray, shape (size,)
        """
        return dict(zip(self.shapes, self._backward(point), strict=True))

    def unconstrain(self, params: Mapping[str, Any]) -> np.ndarray:
        """Return the unconstrained point of natural parameter values.

        An entry on a bound of its support has no unconstrained value. It is moved into the interior
        by the smallest distance that makes one.

        Parameters
        ----------
        params : mapping
            A value of each parameter, natural scale.

        Returns
        -------
        ndarray, shape (size,)

        Raises
        ------
        DeclarationError
            If a parameter is missing, has the wrong shape, or lies outside its support.
        """
        for name in self.parameters:
            if name not in params:
                raise DeclarationError(
                    f"no value for the parameter {name!r}: the model's parameters are "
                    f"{', '.join(self.parameters)}, but the values given are for "
                    f"{', '.join(params) or 'none of them'}"
                )
        self._check_shapes(params)
        values = [
            move_into_interior(
                self._transforms[name],
                np.asarray(params[name], dtype=float),
                self._bounds.get(name),
            )
            for name in self.parameters
        ]
        with np.errstate(all="ignore"):
            point = np.concatenate([np.ravel(value) for value in self._forward(*values)])
            back = self.constrain(point)
        for name, value in zip(self.parameters, values, strict=True):
            scale = np.max(np.abs(value), initial=0.0)
            if not np.all(np.abs(back[name] - value) <= _ROUND_TRIP_RELATIVE * scale):
                raise DeclarationError(
                    f"{name} = {np.array2string(value, precision=6, threshold=8)} is outside "
                    f"its support: it should be {describe_support(self._transforms[name])}"
                )
        return point

    def transform(self, name: str) -> str:
        """Return PyMC's name of a parameter's transform, such as ``"log"``, or an empty string."""
        return self._transforms[name]

    def on_boundary(
        self, natural: Mapping[str, np.ndarray], *, whole_simplex: bool = False
    ) -> list[str]:
        """Return the labels of the entries that lie on or next to a bound of a two-sided range.

        An entry counts if its distance from the bound is less than 1e-6 of the range. Scales and
        rates never count: they have no upper bound, so that nothing says which values are close to
        zero.

        Parameters
        ----------
        natural : mapping
            A value of each parameter, natural scale.
        whole_simplex : bool
            Whether one such entry of a simplex makes all entries of that simplex count.
        """
        on_boundary = []
        for name in self.parameters:
            if (bounds := self._range(name)) is None:
                continue
            low, high = bounds
            near = _ON_BOUNDARY_SHARE_OF_RANGE * (high - low)
            value = np.asarray(natural[name])
            is_near = (value < low + near) | (value > high - near)
            if whole_simplex and self._transforms[name] == "simplex":
                is_near = np.broadcast_to(is_near.any(axis=-1, keepdims=True), is_near.shape)
            every = labels(name, value.shape)
            on_boundary += [every[place] for place in np.flatnonzero(is_near)]
        return on_boundary

    def locate(self, values: Mapping[str, Any]) -> np.ndarray:
        """Return the unconstrained point at which parameters and deterministics have given values.

        If all parameters are given, this is `unconstrain`, and values of deterministics are
        ignored. Otherwise the point is found by least squares on the unconstrained scale.

        Parameters
        ----------
        values : mapping
            Values of parameters or deterministics, natural scale.

        Returns
        -------
        ndarray, shape (size,)

        Raises
        ------
        DeclarationError
            If a name is neither a parameter nor a deterministic of the parameters, a shape is
            wrong, a value lies outside its support, no values of the parameters give these values,
            or more than one combination does.
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
        """Draw natural parameter values: PyMC's initial point plus U(-1, 1) in each coordinate.

        The uniform variates are added on the unconstrained scale.
        """
        point = self.origin + rng.uniform(-1, 1, self.size)
        return {name: self.constrain(point)[name] for name in self.parameters}

    def symbolic(self, point: Any) -> dict[str, Any]:
        """Split a symbolic unconstrained vector into the model's value variables, by name."""
        return split_vector(point, self.layout)

    def _range(self, name: str) -> Bounds | None:
        """Return the lower and upper bound of a parameter that can vary and has both."""
        if name in self.constant:
            return None
        if self._transforms[name] == "simplex":
            return np.array(0.0), np.array(1.0)
        return self._bounds.get(name)

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

        solution = least_squares(
            residuals,
            self.origin,
            xtol=_LEAST_SQUARES_TOLERANCE,
            ftol=_LEAST_SQUARES_TOLERANCE,
            gtol=_LEAST_SQUARES_TOLERANCE,
        )
        if np.max(np.abs(solution.fun)) > _ROUND_TRIP_RELATIVE:
            raise DeclarationError(
                f"no values of {', '.join(self.parameters)} give the estimates of "
                f"{', '.join(values)}; define to_model(params) to convert them"
            )
        if np.linalg.matrix_rank(solution.jac) < self.size:
            raise DeclarationError(
                f"the estimates of {', '.join(values)} do not determine "
                f"{', '.join(self.parameters)}; define to_model(params) to supply the rest"
            )
        point: np.ndarray = solution.x
        return point


def split_vector(vector: Any, layout: Sequence[tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    """Split a numeric or symbolic vector into consecutive arrays of given names and shapes."""
    parts, position = {}, 0
    for name, shape in layout:
        size = math.prod(shape)
        parts[name] = vector[position : position + size].reshape(shape)
        position += size
    return parts

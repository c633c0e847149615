"""The free scale, on which log-likelihoods are differentiated.

Parameters on the natural scale have constraints. Where probabilities sum to one, for example, the
information matrix of all of them is not defined, since one of them cannot change alone. On the
free scale every coordinate takes any real value, and there are as many coordinates as degrees of
freedom:

| constraint | coordinates |
|---|---|
| real | the entries |
| positive | their logarithms |
| probability | their log-odds |
| simplex | log-ratios to the largest entry of the row, one fewer than entries |
| covariance | lower triangle of the Cholesky factor, with logarithms of its diagonal |

A maximum, EM's rate of convergence there and, by the delta method, standard errors on the natural
scale are the same for every choice of a free scale. Entries at a bound of their range, such as a
probability of zero, have no finite coordinate. They are fixed, and all results are conditional on
their values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, get_args

import numpy as np

from latentfit.em.constraints import Constraint, infer_constraint, satisfies
from latentfit.em.information._transforms import Kind, Transform, transform_for
from latentfit.em.layout import Layout, Params
from latentfit.errors import InputError

# The constraints that are inferred, in order of precedence: the identity matrix, for example, is a
# covariance, and its rows sum to one.
_INFERRED_KINDS: dict[Constraint, Kind] = {
    "covariance": "covariance",
    "simplex": "simplex",
    "table": "simplex",
    "positive": "positive",
    "real": "real",
}
# Largest relative asymmetry of a covariance matrix among the params.
_SYMMETRY_RELATIVE = 1e-10


class ToNatural(Protocol):
    """A map from free points to parameters."""

    def params(self, point: np.ndarray) -> Params:
        """Return the parameters on the natural scale.

        Parameters
        ----------
        point : ndarray, shape (size,)
        """


class ParameterScale(ToNatural, Protocol):
    """A free scale, as the methods for standard errors need it."""

    @property
    def bounded(self) -> np.ndarray:
        """Coordinates along which a bound of the range lies at infinity, bool, shape (size,)."""

    def on_boundary(self, natural: Mapping[str, np.ndarray]) -> list[str]:
        """Return labels of the entries that are at a bound of their range."""


@dataclass(frozen=True)
class FreeScale:
    """The free scale for parameters near given values.

    Attributes
    ----------
    layout : Layout
        Names and shapes.
    kinds : dict
        The constraint of each array.
    stated : frozenset of str
        Names of the arrays whose constraint was stated rather than inferred.
    """

    layout: Layout
    kinds: dict[str, Kind]
    stated: frozenset[str]
    _transforms: tuple[Transform, ...]

    @classmethod
    def of(cls, params: Mapping[str, Any], kinds: Mapping[str, Kind] | None = None) -> Self:
        """Construct the free scale for parameters near given values.

        Parameters
        ----------
        params : mapping
            ``{name: array_like}``, natural scale.
        kinds : mapping, optional
            Constraints of arrays by name. Those of other arrays are inferred: symmetric positive
            definite matrices are covariances; arrays that sum to one along their last axis or over
            all entries are simplexes; other arrays without negative entries are positive, unless
            all entries are zero, and the rest are real. A probability outside a simplex is
            inferred to be positive; to state that it is a probability matters if it can be 1.

        Raises
        ------
        InputError
            `kinds` has an unknown name or constraint, or values do not satisfy a constraint.
        DeclarationError
            `params` is not a mapping to arrays of finite numbers.
        """
        layout = Layout.of(params)
        arrays = layout.unpack(layout.pack(params, "params"))
        stated = dict(kinds or {})
        for name, kind in stated.items():
            if name not in arrays:
                raise InputError(f"kinds names {name!r}; the parameters are {', '.join(arrays)}")
            if kind not in get_args(Kind):
                known = ", ".join(get_args(Kind))
                raise InputError(f"kinds has {name} = {kind!r}, expected one of {known}")
            if not _is(arrays[name], kind):
                raise InputError(f"kinds has {name} = {kind!r}, which its values do not satisfy")
        every = {name: stated.get(name, _inferred(array)) for name, array in arrays.items()}
        transforms = tuple(transform_for(array, every[name]) for name, array in arrays.items())
        return cls(layout, every, frozenset(stated), transforms)

    @property
    def bounded(self) -> np.ndarray:
        """Coordinates along which a bound of the range lies at infinity, bool, shape (size,)."""
        return np.concatenate(self.bounded_by_array)

    @property
    def bounded_by_array(self) -> list[np.ndarray]:
        """The parts of `bounded` that belong to each array."""
        return [transform.bounded for transform in self._transforms]

    def point(self, params: Mapping[str, Any]) -> np.ndarray:
        """Return the free coordinates of parameters, shape (size,).

        Coordinates are NaN or infinite where parameters are outside their range.

        Parameters
        ----------
        params : mapping
            ``{name: array_like}``, natural scale.
        """
        arrays = self.layout.unpack(self.layout.pack(params, "the map")).values()
        with np.errstate(all="ignore"):
            parts = [t.forward(array) for t, array in zip(self._transforms, arrays, strict=True)]
        return np.concatenate(parts)

    def params(self, point: np.ndarray) -> Params:
        """Return the parameters on the natural scale.

        Parameters
        ----------
        point : ndarray, shape (size,)
        """
        ends = np.cumsum([len(transform.bounded) for transform in self._transforms])[:-1]
        parts = zip(self._transforms, np.split(point, ends), strict=True)
        with np.errstate(all="ignore"):
            arrays = [transform.backward(part) for transform, part in parts]
        return dict(zip(self.layout.shapes, arrays, strict=True))

    def on_boundary(self, natural: Mapping[str, np.ndarray]) -> list[str]:
        """Return labels of the entries that are fixed, since they are at a bound of their range."""
        fixed = np.concatenate([transform.fixed.ravel() for transform in self._transforms])
        return [self.layout.label(int(position)) for position in np.flatnonzero(fixed)]


def _inferred(array: np.ndarray) -> Kind:
    candidates = tuple(_INFERRED_KINDS)
    found = infer_constraint(array[None], candidates, symmetry_tolerance=_SYMMETRY_RELATIVE)
    return _INFERRED_KINDS[found]


def _is(array: np.ndarray, kind: Kind) -> bool:
    constraints: tuple[Constraint, ...] = ("simplex", "table") if kind == "simplex" else (kind,)
    return any(
        satisfies(array[None], constraint, symmetry_tolerance=_SYMMETRY_RELATIVE)
        for constraint in constraints
    )

"""Which parameters the likelihood determines, near a maximum.

Parameters are not identified where the likelihood is constant along a curve through its maximum: a
rotation of factor loadings, a latent scale and a coefficient that multiplies it, two covariates
that are equal. To first order such curves are the directions in which the Hessian of log p(x | θ)
is singular (Rothenberg 1971, Econometrica 39(3), theorem 1). A function of the parameters is
identified if it does not change along these directions, as a covariance matrix does not change when
its loadings are rotated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pymc.logprob.utils import ParameterValueError

from latentfit.bayes.delta_method import jacobian, unchanged_along
from latentfit.bayes.maxima._maximise import Maximum, polish
from latentfit.bayes.views import Density
from latentfit.declaration import Params, labels
from latentfit.em.information import Curvature, curvature_of

# Log-likelihoods that differ by less are equal up to rounding: relative to their size.
_EQUAL_LOG_LIKELIHOOD_RELATIVE = 1e-10
# The same, absolute: more than the log-likelihood can still increase where it is flat towards the
# boundary.
_EQUAL_LOG_LIKELIHOOD = 1e-6
# Distances by which a coordinate is moved to see whether the likelihood depends on it: for a
# coordinate that is a logarithm, and for any other, in units of its own size.
_LARGE_LOG_STEP = 30.0
_LARGE_RELATIVE_STEP = 1e3
# A coordinate is examined if the length over which its curvature matters is larger than this, in
# units of its own size.
_LITTLE_CURVATURE_RELATIVE = _LARGE_RELATIVE_STEP * _LARGE_RELATIVE_STEP
# Component of a singular direction, which has length 1, along a coordinate that is examined.
_INVOLVED_COMPONENT = 0.1
# Singular values below this belong to directions that were removed.
_KEPT_SINGULAR_VALUE = 0.5
# Distance along the unidentified directions, in units of the curvature scale, to a second maximum.
# A function that is stationary at the first maximum by coincidence differs between the two.
_SECOND_MAXIMUM_DISTANCE = 0.5
# Change of a quantity between the two maxima that counts as none, in units of its derivative.
_UNCHANGED_QUANTITY_RELATIVE = 1e-5


@dataclass(frozen=True)
class Identification:
    """Which quantities are identified at a maximum of the likelihood.

    Attributes
    ----------
    directions : int
        Number of unidentified directions; 0 where everything is identified.
    identified : dict
        ``{name: array of bool}`` for parameters and deterministics.
    constant : dict
        ``{name: array of bool}``: whether a quantity does not depend on the parameters at all.
    """

    directions: int
    identified: Params
    constant: Params

    def missing(self, names: Sequence[str]) -> tuple[str, ...]:
        """List what is not identified among `names`: a whole name, or labels of its entries."""
        return tuple(label for name in names for label in self._missing(name))

    def _missing(self, name: str) -> Iterator[str]:
        known = self.identified[name]
        if known.any():
            every = labels(name, known.shape)
            yield from (every[place] for place in np.flatnonzero(~known))
        elif known.size:
            yield name


def identification(density: Density, point: np.ndarray) -> Identification:
    """Find the quantities that log p(x | θ) identifies at one of its maxima.

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        An unconstrained point close to the maximum. If there is no maximum near it,
        identification cannot be judged, and everything counts as identified.
    """
    space = density.space
    everything = {name: np.full(shape, True) for name, shape in space.shapes.items()}
    nothing = {name: np.full(shape, False) for name, shape in space.shapes.items()}
    all_identified = Identification(0, everything, nothing)
    shape = _curvature(density, point)
    if shape is None or not _may_be_unidentified(shape, point):
        return all_identified
    maximum = polish(density.log_likelihood, density.hessian, point, space.bounded)
    shape = _curvature(density, maximum.point)
    if shape is None or not maximum.reached:
        return all_identified
    basis = _unidentified_directions(density, maximum, shape)
    if not basis.size:
        return all_identified
    units = shape.units
    slopes = jacobian(space, maximum.point, units)
    second = _second_maximum(density, maximum, basis * units[:, None])
    natural = space.constrain(maximum.point)
    identified, constant = {}, {}
    for name, dims in space.shapes.items():
        lengths = np.linalg.norm(slopes[name], axis=0)
        unchanged = unchanged_along(slopes[name], basis)
        if second is not None:
            change = np.abs(second[name] - natural[name]).ravel()
            unchanged &= change <= _UNCHANGED_QUANTITY_RELATIVE * lengths
        identified[name] = unchanged.reshape(dims)
        constant[name] = (lengths == 0).reshape(dims)
    return Identification(basis.shape[1], identified, constant)


def _curvature(density: Density, point: np.ndarray) -> Curvature | None:
    _, gradient = density.log_likelihood(point)
    try:
        return curvature_of(density.hessian(point), gradient, density.space.bounded)
    except np.linalg.LinAlgError:
        return None


def _may_be_unidentified(shape: Curvature, point: np.ndarray) -> bool:
    return not shape.curved.all() or bool(_little_curvature(shape, point).any())


def _little_curvature(shape: Curvature, point: np.ndarray) -> np.ndarray:
    """Coordinates along which the curvature is small in units of their own size, (size,)."""
    little: np.ndarray = shape.units > _LITTLE_CURVATURE_RELATIVE * (1 + np.abs(point))
    return little


def _unidentified_directions(density: Density, maximum: Maximum, shape: Curvature) -> np.ndarray:
    """Find an orthonormal basis of the unidentified directions, in units of `shape.units`.

    Directions in which the likelihood is flat towards a boundary of the support do not belong to
    it. Coordinates on which the likelihood does not depend at all do: a rate of a
    component to which no observation belongs.

    Returns
    -------
    ndarray, shape (size, directions)
    """
    null = shape.vectors[:, ~shape.curved] / shape.units[:, None]
    involved = np.linalg.norm(null, axis=1) > _INVOLVED_COMPONENT
    examined = involved | _little_curvature(shape, maximum.point)
    irrelevant, dropped = [], np.zeros(len(maximum.point), dtype=bool)
    on_boundary = _on_boundary(density, maximum.point)
    for axis in map(int, np.flatnonzero(examined)):
        if on_boundary[axis]:
            dropped[axis] = True
            continue
        down, up = (_same_likelihood(density, maximum, axis, sign) for sign in (-1.0, 1.0))
        if down and up:
            irrelevant.append(axis)
        dropped[axis] = down or up
    null[dropped] = 0
    vectors, sizes, _ = np.linalg.svd(null, full_matrices=False)
    combinations: np.ndarray = vectors[:, sizes > _KEPT_SINGULAR_VALUE]
    return np.hstack([np.eye(len(maximum.point))[:, irrelevant], combinations])


def _on_boundary(density: Density, point: np.ndarray) -> np.ndarray:
    """Coordinates of the parameters that have an entry on the boundary of their range, (size,)."""
    space = density.space
    names = {label.partition("[")[0] for label in space.on_boundary(space.constrain(point))}
    return np.concatenate(
        [
            np.full(int(np.prod(shape)), name in names)
            for name, (_, shape) in zip(space.parameters, space.layout, strict=True)
        ]
    )


def _same_likelihood(density: Density, maximum: Maximum, axis: int, sign: float) -> bool:
    """Whether a large step along one coordinate leaves the likelihood unchanged."""
    bounded = density.space.bounded[axis]
    step = _LARGE_LOG_STEP if bounded else _LARGE_RELATIVE_STEP * (1 + abs(maximum.point[axis]))
    moved = maximum.point.copy()
    moved[axis] += sign * step
    try:
        with np.errstate(all="ignore"):
            value, _ = density.log_likelihood(moved)
    except ParameterValueError:
        return False
    tolerance = _EQUAL_LOG_LIKELIHOOD + _EQUAL_LOG_LIKELIHOOD_RELATIVE * abs(maximum.value)
    return abs(value - maximum.value) <= tolerance


def _second_maximum(density: Density, maximum: Maximum, directions: np.ndarray) -> Params | None:
    """Natural values at another maximum that lies in the unidentified directions.

    Returns
    -------
    dict or None
        None if no maximum with the same likelihood was reached.
    """
    combination = np.random.default_rng(0).standard_normal(directions.shape[1])
    step = _SECOND_MAXIMUM_DISTANCE * directions @ (combination / np.linalg.norm(combination))
    with np.errstate(all="ignore"):
        second = polish(
            density.log_likelihood, density.hessian, maximum.point + step, density.space.bounded
        )
    tolerance = _EQUAL_LOG_LIKELIHOOD_RELATIVE * (1 + abs(maximum.value))
    equal = abs(second.value - maximum.value) <= tolerance
    return density.space.constrain(second.point) if second.reached and equal else None

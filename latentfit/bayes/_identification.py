"""What the data identify, near a maximum of the likelihood.

Parameters are not identified where the likelihood is the same along a curve through its maximum: a
rotation of factor loadings, a latent scale against a coefficient, two covariates that are the same.
To first order such curves are the directions in which the Hessian of log p(x | θ) is singular
(Rothenberg 1971, Econometrica 39(3), theorem 1). A function of the parameters is identified if it
does not change along them, as a covariance does not when its loadings are rotated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pymc.logprob.utils import ParameterValueError

from latentfit.bayes._density import Density
from latentfit.bayes._maximise import Maximum, polish
from latentfit.bayes.delta_method import jacobian, unchanged_along
from latentfit.declaration import Params, labels
from latentfit.em.information import Curvature, curvature_of

# Relative difference of two heights that are the same but for rounding; and absolute, more than
# what is left to gain where the density has levelled off.
_SAME = 1e-10
_GAINED = 1e-6
# How far a coordinate is moved to see whether anything depends on it: a logarithm, and in units of
# itself another one. A unit of curvature beyond a thousand times that is a reason to look.
_FAR_LOGARITHM = 30.0
_FAR = 1e3
# How far along the ridge, in its own units, is looked for what stood still by chance.
_ASIDE = 0.5


@dataclass(frozen=True)
class Identification:
    """What is identified at a maximum.

    Attributes
    ----------
    directions : int
        Number of dimensions of the ridge; 0 where everything is identified.
    identified : dict
        ``{name: array of bool}`` for parameters and deterministics.
    constant : dict
        The same: whether it does not depend on the parameters at all.
    """

    directions: int
    identified: Params
    constant: Params

    def missing(self, names: Sequence[str]) -> tuple[str, ...]:
        """What of these is not identified: whole names, or labels of entries."""
        return tuple(label for name in names for label in self._missing(name))

    def _missing(self, name: str) -> Iterator[str]:
        known = self.identified[name]
        if known.any():
            every = labels(name, known.shape)
            yield from (every[place] for place in np.flatnonzero(~known))
        elif known.size:
            yield name


def identification(density: Density, point: np.ndarray) -> Identification:
    """What log p(x | θ) identifies at a maximum of it.

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        Close to the maximum. Where there is none, nothing is known, and everything counts as
        identified.
    """
    space = density.space
    everything = {name: np.full(shape, True) for name, shape in space.shapes.items()}
    nothing = {name: np.full(shape, False) for name, shape in space.shapes.items()}
    shape = _curvature(density, point)
    if shape is None or not _doubtful(shape, point):
        return Identification(0, everything, nothing)
    top = polish(density.log_likelihood, density.hessian, point, space.bounded)
    shape = _curvature(density, top.point)
    if shape is None or not top.reached:
        return Identification(0, everything, nothing)
    basis = _basis(density, top, shape)
    if not basis.size:
        return Identification(0, everything, nothing)
    scale = shape.units
    slopes = jacobian(space, top.point, scale)
    moved = _aside(density, top, basis * scale[:, None])
    natural = space.constrain(top.point)
    identified, constant = {}, {}
    for name, dims in space.shapes.items():
        lengths = np.linalg.norm(slopes[name], axis=0)
        still = unchanged_along(slopes[name], basis)
        if moved is not None:
            still &= np.abs(moved[name] - natural[name]).ravel() <= 1e-5 * lengths
        identified[name] = still.reshape(dims)
        constant[name] = (lengths == 0).reshape(dims)
    return Identification(basis.shape[1], identified, constant)


def _curvature(density: Density, point: np.ndarray) -> Curvature | None:
    _, gradient = density.log_likelihood(point)
    try:
        return curvature_of(density.hessian(point), gradient, density.space.bounded)
    except np.linalg.LinAlgError:
        return None


def _doubtful(shape: Curvature, point: np.ndarray) -> bool:
    return not shape.curved.all() or bool(_unbent(shape, point).any())


def _unbent(shape: Curvature, point: np.ndarray) -> np.ndarray:
    """Coordinates along which there is hardly any curvature in units of themselves."""
    hardly: np.ndarray = shape.units > _FAR * _FAR * (1 + np.abs(point))
    return hardly


def _basis(density: Density, top: Maximum, shape: Curvature) -> np.ndarray:
    """Orthonormal directions of the ridge in units of `shape.units`, shape (size, directions).

    Directions that have levelled off towards an edge of the support are not among them, but for
    those that never were anything else: a rate of a component that no observation belongs to.
    """
    null = shape.vectors[:, ~shape.curved] / shape.units[:, None]
    concerned = (np.linalg.norm(null, axis=1) > 0.1) | _unbent(shape, top.point)
    alone, dropped = [], np.zeros(len(top.point), dtype=bool)
    beside = _at_edge(density, top.point)
    for axis in map(int, np.flatnonzero(concerned)):
        if beside[axis]:
            dropped[axis] = True
            continue
        down, up = (_unchanged(density, top, axis, sign) for sign in (-1.0, 1.0))
        if down and up:
            alone.append(axis)
        dropped[axis] = down or up
    null[dropped] = 0
    vectors, sizes, _ = np.linalg.svd(null, full_matrices=False)
    together: np.ndarray = vectors[:, sizes > 0.5]
    return np.hstack([np.eye(len(top.point))[:, alone], together])


def _at_edge(density: Density, point: np.ndarray) -> np.ndarray:
    """Coordinates of parameters of which some entry is at an end of its range."""
    space = density.space
    found = {label.partition("[")[0] for label in space.on_boundary(space.constrain(point))}
    return np.concatenate(
        [
            np.full(int(np.prod(shape)), name in found)
            for name, (_, shape) in zip(space.parameters, space.layout, strict=True)
        ]
    )


def _unchanged(density: Density, top: Maximum, axis: int, sign: float) -> bool:
    """Whether one coordinate can go far one way without the density changing."""
    bounded = density.space.bounded[axis]
    far = _FAR_LOGARITHM if bounded else _FAR * (1 + abs(top.point[axis]))
    moved = top.point.copy()
    moved[axis] += sign * far
    try:
        with np.errstate(all="ignore"):
            height, _ = density.log_likelihood(moved)
    except ParameterValueError:
        return False
    return abs(height - top.value) <= _GAINED + _SAME * abs(top.value)


def _aside(density: Density, top: Maximum, directions: np.ndarray) -> Params | None:
    """Natural values at another point of the ridge."""
    some = np.random.default_rng(0).standard_normal(directions.shape[1])
    step = _ASIDE * directions @ (some / np.linalg.norm(some))
    with np.errstate(all="ignore"):
        found = polish(
            density.log_likelihood, density.hessian, top.point + step, density.space.bounded
        )
    same = abs(found.value - top.value) <= _SAME * (1 + abs(top.value))
    return density.space.constrain(found.point) if found.reached and same else None

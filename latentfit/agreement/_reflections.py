"""Reflections: which parameters can change sign together, and one choice of signs for all.

The loadings of a factor and their negatives have the same likelihood, because the distribution of
the factor is symmetric. EM, the MLE, the MAP and every posterior draw therefore have arbitrary
signs. Before they are compared, each is given the signs that are closest to one reference, just as
components are given its numbering.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from latentfit.declaration import Space

Values = Mapping[str, np.ndarray]
LogDensity = Callable[[np.ndarray], float]

# Relative to 1 + |log density|. A change of sign that is a symmetry causes rounding errors only.
_SAME_LOG_DENSITY_RELATIVE = 1e-9
# Relative difference of two values that are the same but for rounding errors.
_SAME_VALUE_RELATIVE = 1e-9
# All combinations of parameters, and each slice, are tried: these are the largest numbers for which
# that takes little time.
_MAX_PARAMETERS_TOGETHER = 6
_MAX_SLICES = 40
# Multiplication by this factor is not a symmetry of any model. If it does not change the
# log-likelihood either, the log-likelihood does not depend on the coordinates.
_STRETCH_FACTOR = 1.7


@dataclass(frozen=True)
class Reflection:
    """Parameters that can change sign together without changing the likelihood.

    Attributes
    ----------
    label : str
        Such as ``W``, ``W[:,1]``, ``b and c``.
    coordinates : tuple of int
        Indices of the unconstrained coordinates that change sign.
    signs : dict
        ``{name: array}`` for parameters and deterministics: -1 for entries that change sign, 1 for
        entries that do not change, and 0 for all other entries.
    prior_distinguishes : bool
        Whether the prior changes with the sign. The signs of posterior draws are not changed then,
        since they have a meaning.
    """

    label: str
    coordinates: tuple[int, ...]
    signs: Values
    prior_distinguishes: bool = False

    def reflect(self, point: np.ndarray) -> np.ndarray:
        """Change the signs of an unconstrained point, shape (size,)."""
        return _with_factor(point, self.coordinates, -1.0)

    def is_opposite(self, values: Values, reference: Values, scale: Values) -> np.ndarray:
        """Find the draws that are closer to the reference after a change of sign.

        Parameters
        ----------
        values : mapping
            ``{name: (sample, *shape)}``.
        reference, scale : mapping
            ``{name: shape}``. Scales that are not finite and positive are replaced by the largest
            absolute value of the reference.

        Returns
        -------
        ndarray of bool, shape (sample,)
        """
        product = np.zeros(len(next(iter(values.values()))))
        for name, signs in self.signs.items():
            if name not in values or not np.any(changing := signs == -1):
                continue
            at = reference[name][changing]
            width = np.asarray(scale[name])[changing]
            width = np.where(np.isfinite(width) & (width > 0), width, np.max(np.abs(at)) or 1)
            product += np.sum(values[name][:, changing] * at / width**2, axis=1)
        return product < 0

    def reflect_draws(self, values: Values, opposite: np.ndarray) -> dict[str, np.ndarray]:
        """Change the signs of the draws that are marked.

        Parameters
        ----------
        values : mapping
            ``{name: (sample, *shape)}``, natural scale.
        opposite : ndarray of bool, shape (sample,)
        """
        return {
            name: np.where(
                opposite.reshape((-1,) + (1,) * self.signs[name].ndim) & (self.signs[name] == -1),
                -value,
                value,
            )
            for name, value in values.items()
        }


def find_reflections(
    space: Space,
    points: Sequence[np.ndarray],
    log_likelihood: LogDensity,
    log_prior: LogDensity,
) -> tuple[Reflection, ...]:
    """Find reflections by trying: of slices of the last axis, of whole parameters, of several.

    Parameters
    ----------
    space : Space
    points : sequence of ndarray, shape (size,)
        Unconstrained points at which changes of sign are tried. No coordinate may be zero.
    log_likelihood, log_prior : callable
        Functions of an unconstrained point, in nats.
    """
    whole = dict(_unbounded_parameters(space, points[0]))
    slices = dict(_slices(space, whole))
    likelihoods, priors = ([(p, f(p)) for p in points] for f in (log_likelihood, log_prior))
    found: list[Reflection] = []
    for label, coordinates in [*slices.items(), *whole.items(), *_combinations(whole)]:
        # A set that contains a known reflection is no new one: its other coordinates change sign
        # independently, or have no effect.
        if any(set(known.coordinates) <= set(coordinates) for known in found):
            continue
        if not _is_invariant(log_likelihood, likelihoods, coordinates):
            continue
        found.append(
            Reflection(
                label,
                coordinates,
                _signs(space, points, coordinates),
                prior_distinguishes=not _is_invariant(
                    log_prior, priors, coordinates, depends=False
                ),
            )
        )
    return tuple(found)


def _unbounded_parameters(space: Space, point: np.ndarray) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the parameters that can have both signs, with their coordinates."""
    natural, negative = space.constrain(point), space.constrain(-point)
    first = 0
    for name, (_, shape) in zip(space.parameters, space.layout, strict=True):
        size = int(np.prod(shape))
        part = point[first : first + size]
        same = natural[name].shape == shape and np.array_equal(natural[name].ravel(), part)
        if same and np.array_equal(negative[name], -natural[name]):
            yield name, tuple(range(first, first + size))
        first += size


def _slices(
    space: Space, whole: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the slices of each parameter along its last axis, such as the columns of a matrix."""
    count = 0
    for name, coordinates in whole.items():
        shape = space.shapes[name]
        if not shape or shape[-1] < 2 or (count := count + shape[-1]) > _MAX_SLICES:
            continue
        places = np.reshape(coordinates, (-1, shape[-1]))
        for last in range(shape[-1]):
            label = f"{name}[{':,' * (len(shape) - 1)}{last}]"
            yield label, tuple(int(place) for place in places[:, last])


def _combinations(
    whole: Mapping[str, tuple[int, ...]],
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the combinations of two or more parameters."""
    names = list(whole)[:_MAX_PARAMETERS_TOGETHER]
    for count in range(2, len(names) + 1):
        for some in combinations(names, count):
            yield " and ".join(some), tuple(c for name in some for c in whole[name])


def _with_factor(point: np.ndarray, coordinates: Sequence[int], factor: float) -> np.ndarray:
    """Multiply some coordinates of a point by a factor."""
    other = point.copy()
    other[list(coordinates)] *= factor
    return other


def _is_invariant(
    log_density: LogDensity,
    values: Sequence[tuple[np.ndarray, float]],
    coordinates: Sequence[int],
    *,
    depends: bool = True,
) -> bool:
    """Whether a change of sign leaves a log density unchanged at every point.

    Parameters
    ----------
    log_density : callable
    values : sequence of (ndarray, float)
        Points and the log density there.
    coordinates : sequence of int
    depends : bool
        Whether the log density must also depend on the coordinates.
    """
    for point, value in values:
        if not _is_same(value, log_density(_with_factor(point, coordinates, -1.0))):
            return False
        stretched = _with_factor(point, coordinates, _STRETCH_FACTOR)
        if depends and _is_same(value, log_density(stretched)):
            return False
    return True


def _is_same(first: float, second: float) -> bool:
    return abs(first - second) <= _SAME_LOG_DENSITY_RELATIVE * (1 + abs(first))


def _signs(
    space: Space, points: Sequence[np.ndarray], coordinates: Sequence[int]
) -> dict[str, np.ndarray]:
    """Find how each entry of parameters and deterministics changes, see `Reflection.signs`."""
    pairs = [
        (space.constrain(p), space.constrain(_with_factor(p, coordinates, -1.0))) for p in points
    ]

    def all_close(name: str, sign: float) -> np.ndarray:
        close = [
            np.isclose(after[name], sign * before[name], rtol=_SAME_VALUE_RELATIVE, atol=0)
            for before, after in pairs
        ]
        result: np.ndarray = np.all(close, axis=0)
        return result

    return {
        name: np.where(all_close(name, 1.0), 1, np.where(all_close(name, -1.0), -1, 0))
        for name in space.shapes
    }

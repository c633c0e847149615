"""Reflections: which parameters can change sign together, and putting them on one side.

One factor's loadings and their negatives have the same likelihood, for the factor is as likely to
be minus itself. EM, the MLE, the MAP and every posterior draw are on either side as they please.
Before anything is compared, each is brought to the side of one reference, as components are to
its numbering.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from latentfit.declaration import Space

Values = Mapping[str, np.ndarray]
LogDensity = Callable[[np.ndarray], float]

_SAME = 1e-9
_MOST_TOGETHER = 6
_MOST_SLICES = 40
# A change that is no symmetry of anything: by it one tells what the likelihood depends on.
_STRETCH = 1.7


@dataclass(frozen=True)
class Reflection:
    """Parameters that can change sign together without changing the likelihood.

    Attributes
    ----------
    label : str
        ``W``, ``W[:,1]``, ``b and c``.
    coordinates : tuple of int
        Which unconstrained ones change sign.
    signs : dict
        ``{name: array}`` for parameters and deterministics: -1 for entries that change sign, 1
        for those that stay, 0 for those that do neither.
    by_prior : bool
        Whether the prior tells the two sides apart. Then posterior draws stay where they are.
    """

    label: str
    coordinates: tuple[int, ...]
    signs: Values
    by_prior: bool = False

    def reflect(self, point: np.ndarray) -> np.ndarray:
        """The unconstrained point on the other side."""
        return _reflected(point, self.coordinates)

    def across(self, values: Values, reference: Values, scale: Values) -> np.ndarray:
        """Which draws are nearer to the reference after reflection.

        Parameters
        ----------
        values : mapping
            ``{name: (sample, *shape)}``.
        reference, scale : mapping
            ``{name: shape}``; scales that are not finite and positive count as the reference's.

        Returns
        -------
        ndarray of bool, shape (sample,)
        """
        product = np.zeros(len(next(iter(values.values()))))
        for name, signs in self.signs.items():
            if name not in values or not np.any(moving := signs == -1):
                continue
            there = reference[name][moving]
            width = np.asarray(scale[name])[moving]
            width = np.where(np.isfinite(width) & (width > 0), width, np.max(np.abs(there)) or 1)
            product += np.sum(values[name][:, moving] * there / width**2, axis=1)
        return product < 0

    def turned(self, values: Values, across: np.ndarray) -> dict[str, np.ndarray]:
        """The draws with those that are across brought to the other side."""
        return {
            name: np.where(
                across.reshape((-1,) + (1,) * self.signs[name].ndim) & (self.signs[name] == -1),
                -value,
                value,
            )
            for name, value in values.items()
        }


def reflections(
    space: Space,
    points: Sequence[np.ndarray],
    log_likelihood: LogDensity,
    log_prior: LogDensity,
) -> tuple[Reflection, ...]:
    """Find the reflections by trying: of whole parameters, of several, and of last-axis slices.

    Parameters
    ----------
    space : Space
    points : sequence of ndarray, shape (size,)
        Trial points, unconstrained, in general position.
    log_likelihood, log_prior : callable
        Of an unconstrained point.
    """
    whole = dict(_wholes(space, points[0]))
    slices = dict(_slices(space, whole))
    likely, prior = ([(p, f(p)) for p in points] for f in (log_likelihood, log_prior))
    found: list[Reflection] = []
    for label, coordinates in [*slices.items(), *whole.items(), *_together(whole)]:
        # What is left of it changes sign by itself, or matters to nothing.
        if any(set(known.coordinates) <= set(coordinates) for known in found):
            continue
        if not _invariant(log_likelihood, likely, coordinates):
            continue
        found.append(
            Reflection(
                label,
                coordinates,
                _signs(space, points, coordinates),
                by_prior=not _invariant(log_prior, prior, coordinates, moving=False),
            )
        )
    return tuple(found)


def _wholes(space: Space, point: np.ndarray) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The parameters that may have either sign."""
    natural, mirrored = space.constrain(point), space.constrain(-point)
    first = 0
    for name, (_, shape) in zip(space.parameters, space.layout, strict=True):
        size = int(np.prod(shape))
        part = point[first : first + size]
        same = natural[name].shape == shape and np.array_equal(natural[name].ravel(), part)
        if same and np.array_equal(mirrored[name], -natural[name]):
            yield name, tuple(range(first, first + size))
        first += size


def _slices(
    space: Space, whole: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    count = 0
    for name, coordinates in whole.items():
        shape = space.shapes[name]
        if not shape or shape[-1] < 2 or (count := count + shape[-1]) > _MOST_SLICES:
            continue
        places = np.reshape(coordinates, (-1, shape[-1]))
        for last in range(shape[-1]):
            label = f"{name}[{':,' * (len(shape) - 1)}{last}]"
            yield label, tuple(int(place) for place in places[:, last])


def _together(
    whole: Mapping[str, tuple[int, ...]],
) -> Iterator[tuple[str, tuple[int, ...]]]:
    names = list(whole)[:_MOST_TOGETHER]
    for count in range(2, len(names) + 1):
        for some in combinations(names, count):
            yield " and ".join(some), tuple(c for name in some for c in whole[name])


def _reflected(point: np.ndarray, coordinates: Sequence[int], factor: float = -1.0) -> np.ndarray:
    other = point.copy()
    other[list(coordinates)] *= factor
    return other


def _invariant(
    log_density: LogDensity,
    heights: Sequence[tuple[np.ndarray, float]],
    coordinates: Sequence[int],
    *,
    moving: bool = True,
) -> bool:
    """Whether a change of sign leaves the density as it is, and, if `moving`, another does not."""
    for point, height in heights:
        if not _same(height, log_density(_reflected(point, coordinates))):
            return False
        if moving and _same(height, log_density(_reflected(point, coordinates, _STRETCH))):
            return False
    return True


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= _SAME * (1 + abs(first))


def _signs(
    space: Space, points: Sequence[np.ndarray], coordinates: Sequence[int]
) -> dict[str, np.ndarray]:
    pairs = [(space.constrain(p), space.constrain(_reflected(p, coordinates))) for p in points]

    def all_close(name: str, sign: float) -> np.ndarray:
        close = [
            np.isclose(there[name], sign * here[name], rtol=_SAME, atol=0) for here, there in pairs
        ]
        result: np.ndarray = np.all(close, axis=0)
        return result

    return {
        name: np.where(all_close(name, 1.0), 1, np.where(all_close(name, -1.0), -1, 0))
        for name in space.shapes
    }

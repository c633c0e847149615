"""Find exchangeable components by renumbering parameters and comparing log-likelihoods.

A *unit* is what can be renumbered: an axis of a parameter, K parameters with the same support, or,
with two components, a parameter that is replaced by its complement. This finds the largest set of
units whose joint renumbering does not change the log-likelihood at any trial point. If the set
consists of parts that can be renumbered independently, each part is an exchange of its own, as for
two latents that divide the units of the data independently.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import combinations, islice

import numpy as np

from latentfit.agreement._exchanges import Exchange, LogDensity, Values, renumber_one

# Relative to 1 + |log density|. Renumbering changes only the order of sums, hence rounding errors.
_SAME_LOG_DENSITY_RELATIVE = 1e-9
# Relative difference of two values of a deterministic that are the same but for rounding errors.
_SAME_VALUE_RELATIVE = 1e-9
# Sets of units are tried one after the other, the largest first: the largest numbers of units and
# of sets for which that takes little time.
_MAX_UNITS = 12
_MAX_SETS = 4096
_MAX_DIVIDED_UNITS = 6

# An axis (name, axis), K names, or (name, sum of a value and its complement).
Unit = tuple[str, int] | tuple[str, ...] | tuple[str, float]


def find_exchanges(
    categories: Mapping[str, int],
    points: Sequence[Values],
    parameters: Sequence[str],
    log_likelihood: LogDensity,
    log_prior: LogDensity,
    complete: Callable[[Values], Values],
    kinds: Mapping[str, Hashable] | None = None,
    sums: Mapping[str, float] | None = None,
) -> tuple[Exchange, ...]:
    """Find exchangeable components by trying renumberings.

    Parameters
    ----------
    categories : mapping
        ``{discrete latent: number of categories}``.
    points : sequence of mapping
        Points at which renumberings are tried: ``{name: array}`` of parameters and deterministics,
        natural scale. No two components may have equal parameters.
    parameters : sequence of str
        Names that may be renumbered. Deterministics are renumbered with them.
    log_likelihood, log_prior : callable
        Functions of the parameters, in nats.
    complete : callable
        From the values of the parameters to the values of parameters and deterministics.
    kinds : mapping, optional
        ``{parameter: kind}``: parameters of the same kind have the same shape and support, and may
        be those of different components.
    sums : mapping, optional
        ``{parameter: sum of a value and its complement}``, for parameters whose support is
        symmetric: 1 for the unit interval, 0 for the real line.
    """
    found: list[Exchange] = []
    for size in sorted({count for count in categories.values() if count > 1}):
        latents = tuple(name for name, count in categories.items() if count == size)
        trial = _Trial(size, points, log_likelihood, log_prior, complete)
        units = _units(size, points[0], parameters, kinds or {}, sums or {})
        largest = next(
            (
                chosen
                for chosen in islice(_sets(units), _MAX_SETS)
                if trial.keeps_likelihood(chosen)
            ),
            (),
        )
        for part in _parts(trial, largest):
            found.append(trial.exchange(part, latents, parameters))
    return tuple(found)


class _Trial:
    """Renumberings of K components at a few points."""

    def __init__(
        self,
        size: int,
        points: Sequence[Values],
        log_likelihood: LogDensity,
        log_prior: LogDensity,
        complete: Callable[[Values], Values],
    ) -> None:
        self.size = size
        self.points = points
        self._log_likelihood = log_likelihood
        self._log_prior = log_prior
        self._complete = complete
        self._likelihoods = [log_likelihood(point) for point in points]
        self._priors = [log_prior(point) for point in points]
        # These two generate all permutations, so that no others have to be tried.
        orders = {(1, 0, *range(2, size)), (*range(1, size), 0)}
        self._orders = sorted(orders)

    def keeps_likelihood(self, units: Sequence[Unit]) -> bool:
        """Whether renumbering these units leaves the log-likelihood unchanged at every point."""
        return self._keeps(self._log_likelihood, self._likelihoods, units)

    def keeps_prior(self, units: Sequence[Unit]) -> bool:
        """Whether renumbering these units leaves the log prior density unchanged."""
        return self._keeps(self._log_prior, self._priors, units)

    def matters(self, unit: Unit) -> bool:
        """Whether the log-likelihood depends on the parameters of a unit."""
        names = _names(unit)
        for number, (point, value) in enumerate(zip(self.points, self._likelihoods, strict=True)):
            other = self.points[number - 1]
            moved = {**point, **{name: other[name] for name in names}}
            if not _is_same(value, self._log_likelihood(moved)):
                return True
        return False

    def exchange(
        self, units: Sequence[Unit], latents: tuple[str, ...], parameters: Sequence[str]
    ) -> Exchange:
        """Describe the exchange of these units, and how deterministics change with it."""
        plain = _exchange_of(self.size, units)
        changed = self._changed_deterministics(plain, parameters)
        axes = [
            (name, axis)
            for name, axis in _axes_of_length(self.points[0], self.size)
            if name in changed and self._is_renumbered(plain, name, axis)
        ]
        renumbered = {name for name, _ in axes}
        return Exchange(
            self.size,
            (*plain.axes, *axes),
            latents,
            prior_distinguishes=not self.keeps_prior(units),
            groups=plain.groups,
            complements=plain.complements,
            recomputed=tuple(name for name in changed if name not in renumbered),
        )

    def _keeps(
        self, log_density: LogDensity, values: Sequence[float], units: Sequence[Unit]
    ) -> bool:
        trial = _exchange_of(self.size, units)
        return all(
            _is_same(value, log_density(renumber_one(trial, point, order)))
            for point, value in zip(self.points, values, strict=True)
            for order in self._orders
        )

    def _changed_deterministics(
        self, exchange: Exchange, parameters: Sequence[str]
    ) -> tuple[str, ...]:
        cycle = self._orders[-1]
        after = [self._complete(renumber_one(exchange, point, cycle)) for point in self.points]
        return tuple(
            name
            for name in self.points[0]
            if name not in parameters
            and not all(
                _all_close(one[name], point[name])
                for one, point in zip(after, self.points, strict=True)
            )
        )

    def _is_renumbered(self, exchange: Exchange, name: str, axis: int) -> bool:
        """Whether renumbering the parameters renumbers this deterministic along this axis."""
        return all(
            _all_close(
                self._complete(renumber_one(exchange, point, order))[name],
                np.take(point[name], order, axis=axis),
            )
            for point in self.points
            for order in self._orders
        )


def _units(
    size: int,
    point: Values,
    parameters: Sequence[str],
    kinds: Mapping[str, Hashable],
    sums: Mapping[str, float],
) -> tuple[Unit, ...]:
    """List what may be renumbered."""
    axes: list[Unit] = list(_axes_of_length(point, size, parameters))
    without_axis = [name for name in parameters if not any(name == unit[0] for unit in axes)]
    groups: list[Unit] = []
    for kind in dict.fromkeys(kinds.get(name) for name in without_axis):
        same_kind = [name for name in without_axis if kind is not None and kinds.get(name) == kind]
        groups += combinations(same_kind, size)
    complements: list[Unit] = []
    if size == 2:
        complements = [(name, sums[name]) for name in without_axis if name in sums]
    # Bounded parameters first: that a number on the real line changes its sign is rare.
    complements.sort(key=lambda unit: unit[1] == 0)
    return (*axes, *groups, *complements)[:_MAX_UNITS]


def _sets(units: Sequence[Unit]) -> Iterator[tuple[Unit, ...]]:
    """Yield all sets of units that are not empty, those of most parameters first."""
    sets = [
        chosen
        for count in range(1, len(units) + 1)
        for chosen in combinations(units, count)
        if not _conflict(chosen)
    ]
    yield from sorted(sets, key=lambda chosen: -sum(len(_names(unit)) for unit in chosen))


def _conflict(units: Sequence[Unit]) -> bool:
    """Whether a parameter is in two units that are not both axes of it."""
    of_axes = {unit[0] for unit in units if _is_axis(unit)}
    others = [name for unit in units if not _is_axis(unit) for name in _names(unit)]
    return len(set(others)) < len(others) or not of_axes.isdisjoint(others)


def _parts(trial: _Trial, units: Sequence[Unit]) -> list[tuple[Unit, ...]]:
    """Divide a set of units into parts that can be renumbered independently.

    Units on which the log-likelihood does not depend, such as parameters of the prior of each
    component, are renumbered with the others if that leaves the prior unchanged.
    """
    relevant = [unit for unit in units if trial.matters(unit)]
    idle = tuple(unit for unit in units if unit not in relevant)
    parts: list[tuple[Unit, ...]] = []
    for count in range(1, len(relevant) if len(relevant) <= _MAX_DIVIDED_UNITS else 1):
        for chosen in combinations(relevant, count):
            known = [unit for part in parts for unit in part]
            if not any(unit in known for unit in chosen) and trial.keeps_likelihood(chosen):
                parts.append(chosen)
    rest = tuple(unit for unit in relevant if not any(unit in part for part in parts))
    if rest:
        parts.append(rest)
    # What only changes signs is found, and aligned, as a reflection.
    parts = [part for part in parts if not all(map(_is_sign_change, part))]
    if not idle:
        return parts
    axes = tuple(unit for unit in idle if _is_axis(unit))
    attached = []
    for part in parts:
        with_prior = next(
            (more for more in _subsets(idle) if trial.keeps_prior((*part, *more))),
            axes if len(parts) == 1 else (),
        )
        attached.append((*part, *with_prior))
    return attached


def _subsets(units: Sequence[Unit]) -> Iterator[tuple[Unit, ...]]:
    for count in range(len(units), -1, -1):
        yield from combinations(units, count)


def _exchange_of(size: int, units: Sequence[Unit]) -> Exchange:
    axes, groups, complements = [], [], []
    for unit in units:
        if _is_axis(unit):
            axes.append(unit)
        elif isinstance(unit[1], str):
            groups.append(unit)
        else:
            complements.append(unit)
    return Exchange(size, tuple(axes), (), groups=tuple(groups), complements=tuple(complements))  # type: ignore[arg-type]


def _is_axis(unit: Unit) -> bool:
    return isinstance(unit[1], int)


def _is_sign_change(unit: Unit) -> bool:
    return not _is_axis(unit) and unit[1] == 0.0


def _names(unit: Unit) -> tuple[str, ...]:
    return tuple(part for part in unit if isinstance(part, str))


def _axes_of_length(
    point: Values, size: int, names: Sequence[str] | None = None
) -> Iterator[tuple[str, int]]:
    for name in point if names is None else names:
        for axis, length in enumerate(np.shape(point[name])):
            if length == size:
                yield name, axis


def _is_same(before: float, after: float) -> bool:
    return abs(after - before) <= _SAME_LOG_DENSITY_RELATIVE * (1 + abs(before))


def _all_close(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.allclose(first, second, rtol=_SAME_VALUE_RELATIVE, atol=0))

"""Exchanges: which parameters are renumbered with the components, and one numbering for all.

The likelihood of a mixture does not change when its components are renumbered (label switching).
EM, the MLE, the MAP and every posterior draw therefore number the components arbitrarily. Before
they are compared, each is renumbered to be closest to one reference, by solving an assignment
problem (Stephens 2000, J. R. Statist. Soc. B 62(4), section 4, with the reference held fixed).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from scipy.optimize import linear_sum_assignment

Values = Mapping[str, np.ndarray]
LogDensity = Callable[[Values], float]

# Relative to 1 + |log density|. Renumbering changes only the order of sums, hence rounding errors.
_SAME_LOG_DENSITY_RELATIVE = 1e-9
# Relative difference of two values of a deterministic that are the same but for rounding errors.
_SAME_VALUE_RELATIVE = 1e-9
# All subsets of the axes are tried, and all permutations of the components: these are the largest
# numbers for which that takes little time.
_MAX_EXCHANGED_AXES = 10
_MAX_PERMUTED_COMPONENTS = 6


@dataclass(frozen=True)
class Exchange:
    """Components that can be renumbered without changing the likelihood.

    Attributes
    ----------
    size : int
        Number of components, K.
    axes : tuple of (str, int)
        Names of parameters and deterministics, and the axis along which each numbers the
        components.
    latents : tuple of str
        Discrete latents whose categories are these components.
    prior_distinguishes : bool
        Whether the prior changes when the components are renumbered. Posterior draws are not
        renumbered then, since the numbers have a meaning.
    """

    size: int
    axes: tuple[tuple[str, int], ...]
    latents: tuple[str, ...]
    prior_distinguishes: bool = False


def find_exchanges(
    categories: Mapping[str, int],
    points: Sequence[Values],
    parameters: Sequence[str],
    log_likelihood: LogDensity,
    log_prior: LogDensity,
    complete: Callable[[Values], Values],
) -> tuple[Exchange, ...]:
    """Find exchangeable components by trying renumberings.

    For each number of categories that a latent has, this finds the largest set of parameter axes
    of that length whose joint renumbering does not change the log-likelihood at any of the points.

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
    """
    found = []
    for size in sorted({count for count in categories.values() if count > 1}):
        axes = tuple(_axes_of_length(points[0], size, parameters))[:_MAX_EXCHANGED_AXES]
        for chosen in _subsets(axes):
            if _is_invariant(log_likelihood, points, chosen, size):
                deterministics = tuple(
                    (name, axis)
                    for name, axis in _axes_of_length(points[0], size)
                    if name not in parameters
                    and _is_renumbered(points, name, axis, chosen, size, complete)
                )
                found.append(
                    Exchange(
                        size,
                        chosen + deterministics,
                        tuple(name for name, count in categories.items() if count == size),
                        prior_distinguishes=not _is_invariant(log_prior, points, chosen, size),
                    )
                )
                break
    return tuple(found)


def match_components(
    exchange: Exchange, values: Values, reference: Values, scale: Values
) -> np.ndarray:
    """Find which component of each draw corresponds to which component of the reference.

    The numbering of a draw is the one that maximises the normal density about the reference with
    standard deviations `scale`. This is a linear assignment problem, which is solved exactly.

    Parameters
    ----------
    exchange : Exchange
    values : mapping
        ``{name: (sample, *shape)}``.
    reference, scale : mapping
        ``{name: shape}``. Scales that are not finite and positive are replaced by the range of the
        reference's components, so that the unit of measurement never matters.

    Returns
    -------
    ndarray of int, shape (sample, K)
        Entry l is the component of the draw that corresponds to component l of the reference.
    """
    # For a matrix whose two axes both number components, there is no cost of one component alone.
    single = [
        (name, axis)
        for name, axis in exchange.axes
        if sum(other == name for other, _ in exchange.axes) == 1
    ]
    cost = 0.0
    for name, axis in single:
        of_draws = _by_component(values[name], axis + 1, keep=1)
        of_reference = _by_component(reference[name], axis)
        width = _positive(_by_component(scale[name], axis), of_reference)
        distance = (of_draws[:, :, None] - of_reference[None, None]) / width[None, None]
        cost = cost + (distance**2).sum(axis=-1)
    if not single:
        return np.tile(np.arange(exchange.size), (len(next(iter(values.values()))), 1))
    return np.array([linear_sum_assignment(one.T)[1] for one in np.asarray(cost)])


def renumber(exchange: Exchange, values: Values, order: np.ndarray) -> dict[str, np.ndarray]:
    """Renumber the components of every draw.

    Parameters
    ----------
    exchange : Exchange
    values : mapping
        ``{name: (sample, *shape)}``. Names that are not part of the exchange are left unchanged.
    order : ndarray of int, shape (sample, K)
        As `match_components` returns it.
    """
    result = dict(values)
    for name, axis in exchange.axes:
        array = result[name]
        others = tuple(other for other in range(1, array.ndim) if other != axis + 1)
        index: np.ndarray = np.expand_dims(order, others)
        result[name] = np.take_along_axis(array, index, axis=axis + 1)
    return result


def renumber_one(
    exchange: Exchange, values: Values, order: Sequence[int] | np.ndarray
) -> dict[str, np.ndarray]:
    """Renumber the components of one set of values, which has no sample axis."""
    batch = {name: np.asarray(value)[None] for name, value in values.items()}
    renumbered = renumber(exchange, batch, np.asarray(order)[None])
    return {name: value[0] for name, value in renumbered.items()}


def order_of_largest_prior(exchange: Exchange, values: Values, log_prior: LogDensity) -> np.ndarray:
    """Find the numbering of the components that has the largest prior density.

    With more than six components the given numbering is kept, since not all can be tried.

    Returns
    -------
    ndarray of int, shape (K,)
    """
    if exchange.size > _MAX_PERMUTED_COMPONENTS:
        return np.arange(exchange.size)
    orders = list(permutations(range(exchange.size)))
    densities = [log_prior(renumber_one(exchange, values, order)) for order in orders]
    return np.array(orders[int(np.argmax(densities))])


def _axes_of_length(
    point: Values, size: int, names: Sequence[str] | None = None
) -> Iterator[tuple[str, int]]:
    for name in point if names is None else names:
        for axis, length in enumerate(np.shape(point[name])):
            if length == size:
                yield name, axis


def _subsets(axes: tuple[tuple[str, int], ...]) -> Iterator[tuple[tuple[str, int], ...]]:
    """Yield all subsets that are not empty, the largest first."""
    for count in range(len(axes), 0, -1):
        yield from combinations(axes, count)


def _is_invariant(
    log_density: LogDensity, points: Sequence[Values], axes: tuple[tuple[str, int], ...], size: int
) -> bool:
    """Whether renumbering along these axes leaves a log density unchanged at every point."""
    trial = Exchange(size, axes, ())
    # These two generate all permutations, so that no others have to be tried.
    swap = [1, 0, *range(2, size)]
    cycle = [*range(1, size), 0]
    for point in points:
        before = log_density(point)
        for order in (swap, cycle):
            after = log_density(renumber_one(trial, point, order))
            if not abs(after - before) <= _SAME_LOG_DENSITY_RELATIVE * (1 + abs(before)):
                return False
    return True


def _is_renumbered(
    points: Sequence[Values],
    name: str,
    axis: int,
    axes: tuple[tuple[str, int], ...],
    size: int,
    complete: Callable[[Values], Values],
) -> bool:
    """Whether renumbering the parameters renumbers this deterministic along this axis."""
    cycle = [*range(1, size), 0]
    return all(
        np.allclose(
            complete(renumber_one(Exchange(size, axes, ()), point, cycle))[name],
            np.take(point[name], cycle, axis=axis),
            rtol=_SAME_VALUE_RELATIVE,
            atol=0,
        )
        for point in points
    )


def _by_component(array: np.ndarray, axis: int, keep: int = 0) -> np.ndarray:
    """Move the components behind the first `keep` axes, and flatten all axes after them."""
    moved = np.moveaxis(np.asarray(array), axis, keep)
    return moved.reshape((*moved.shape[: keep + 1], -1))


def _positive(width: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Replace widths that are not finite and positive by the range of the components."""
    extent = np.ptp(reference, axis=0, keepdims=True)
    fallback = np.broadcast_to(np.where(extent > 0, extent, 1.0), width.shape)
    return np.where(np.isfinite(width) & (width > 0), width, fallback)

"""Label switching: which parameters exchange their entries, and putting them in one order.

The likelihood of a mixture does not change when its components are renumbered, so EM, the MLE,
the MAP and every posterior draw number them as they please. Before anything is compared, each
is renumbered to lie closest to one reference, by solving an assignment problem (Stephens 2000,
J. R. Statist. Soc. B 62(4), section 4, with the reference held fixed).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from scipy.optimize import linear_sum_assignment

Values = Mapping[str, np.ndarray]
LogDensity = Callable[[Values], float]

_SAME = 1e-9
_MOST_AXES = 10
_MOST_PERMUTED = 6


@dataclass(frozen=True)
class Exchange:
    """Components that can be renumbered without changing the likelihood.

    Attributes
    ----------
    size : int
        Number of components, K.
    axes : tuple of (str, int)
        Parameters and the axis along which each numbers the components.
    latents : tuple of str
        Discrete latents whose categories are these components.
    by_prior : bool
        Whether the prior tells the components apart. Then posterior draws are not renumbered:
        the labels mean something.
    """

    size: int
    axes: tuple[tuple[str, int], ...]
    latents: tuple[str, ...]
    by_prior: bool = False


def exchanges(
    categories: Mapping[str, int],
    points: Sequence[Values],
    parameters: Sequence[str],
    log_likelihood: LogDensity,
    log_prior: LogDensity,
    complete: Callable[[Values], Values],
) -> tuple[Exchange, ...]:
    """Find the exchangeable components by trying.

    For each number of categories that a latent has, the largest set of parameter axes of that
    length whose joint renumbering leaves the log-likelihood as it is at every trial point.

    Parameters
    ----------
    categories : mapping
        ``{discrete latent: number of categories}``.
    points : sequence of mapping
        Trial points, ``{name: array}``, natural scale, parameters and their deterministics,
        in general position.
    parameters : sequence of str
        The names that may be renumbered; deterministics follow.
    log_likelihood, log_prior : callable
        Of the parameters.
    complete : callable
        From values of the parameters to those of parameters and deterministics.
    """
    found = []
    for size in sorted({count for count in categories.values() if count > 1}):
        axes = tuple(_axes_of_length(points[0], size, parameters))[:_MOST_AXES]
        for chosen in _subsets(axes):
            if _invariant(log_likelihood, points, chosen, size):
                followers = tuple(
                    (name, axis)
                    for name, axis in _axes_of_length(points[0], size)
                    if name not in parameters
                    and _follows(points, name, axis, chosen, size, complete)
                )
                found.append(
                    Exchange(
                        size,
                        chosen + followers,
                        tuple(name for name, count in categories.items() if count == size),
                        by_prior=not _invariant(log_prior, points, chosen, size),
                    )
                )
                break
    return tuple(found)


def assign(exchange: Exchange, values: Values, reference: Values, scale: Values) -> np.ndarray:
    """Which component of each draw is which of the reference.

    The numbering of a draw is the one that maximises the normal density around the reference
    with standard deviations `scale`: a linear assignment problem, solved exactly.

    Parameters
    ----------
    exchange : Exchange
    values : mapping
        ``{name: (sample, *shape)}``.
    reference, scale : mapping
        ``{name: shape}``; scales that are not finite and positive are replaced by the spread
        of the reference's components, so that units never matter.

    Returns
    -------
    ndarray of int, shape (sample, K)
        Entry l is the draw's component that the reference calls l.
    """
    # A matrix numbered along both axes has no cost of one component alone.
    single = [
        (name, axis)
        for name, axis in exchange.axes
        if sum(other == name for other, _ in exchange.axes) == 1
    ]
    cost = 0.0
    for name, axis in single:
        ours = _by_component(values[name], axis + 1, keep=1)
        theirs = _by_component(reference[name], axis)
        width = _usable(_by_component(scale[name], axis), theirs)
        distance = (ours[:, :, None] - theirs[None, None]) / width[None, None]
        cost = cost + (distance**2).sum(axis=-1)
    if not single:
        return np.tile(np.arange(exchange.size), (len(next(iter(values.values()))), 1))
    return np.array([linear_sum_assignment(one.T)[1] for one in np.asarray(cost)])


def renumber(exchange: Exchange, values: Values, order: np.ndarray) -> dict[str, np.ndarray]:
    """Put the components of every draw in the order found by `assign`.

    Parameters
    ----------
    values : mapping
        ``{name: (sample, *shape)}``; names that are not exchanged pass unchanged.
    order : ndarray of int, shape (sample, K)
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
    """`renumber` for a single set of values without a sample axis."""
    batch = {name: np.asarray(value)[None] for name, value in values.items()}
    moved = renumber(exchange, batch, np.asarray(order)[None])
    return {name: value[0] for name, value in moved.items()}


def favoured(exchange: Exchange, values: Values, log_prior: LogDensity) -> np.ndarray:
    """The numbering that the prior favours, where the prior tells components apart.

    Returns
    -------
    ndarray of int, shape (K,)
    """
    if exchange.size > _MOST_PERMUTED:
        return np.arange(exchange.size)
    orders = list(permutations(range(exchange.size)))
    heights = [log_prior(renumber_one(exchange, values, order)) for order in orders]
    return np.array(orders[int(np.argmax(heights))])


def _axes_of_length(
    point: Values, size: int, names: Sequence[str] | None = None
) -> Iterator[tuple[str, int]]:
    for name in point if names is None else names:
        for axis, length in enumerate(np.shape(point[name])):
            if length == size:
                yield name, axis


def _subsets(axes: tuple[tuple[str, int], ...]) -> Iterator[tuple[tuple[str, int], ...]]:
    for count in range(len(axes), 0, -1):
        yield from combinations(axes, count)


def _invariant(
    log_density: LogDensity, points: Sequence[Values], axes: tuple[tuple[str, int], ...], size: int
) -> bool:
    """A swap and a cycle generate every permutation, so these two are enough to try."""
    trial = Exchange(size, axes, ())
    swap = [1, 0, *range(2, size)]
    cycle = [*range(1, size), 0]
    for point in points:
        height = log_density(point)
        for order in (swap, cycle):
            moved = log_density(renumber_one(trial, point, order))
            if not abs(moved - height) <= _SAME * (1 + abs(height)):
                return False
    return True


def _follows(
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
            rtol=_SAME,
            atol=0,
        )
        for point in points
    )


def _by_component(array: np.ndarray, axis: int, keep: int = 0) -> np.ndarray:
    """Components next to the kept axes, everything else in one last axis."""
    moved = np.moveaxis(np.asarray(array), axis, keep)
    return moved.reshape((*moved.shape[: keep + 1], -1))


def _usable(width: np.ndarray, reference: np.ndarray) -> np.ndarray:
    spread = np.ptp(reference, axis=0, keepdims=True)
    fallback = np.broadcast_to(np.where(spread > 0, spread, 1.0), width.shape)
    return np.where(np.isfinite(width) & (width > 0), width, fallback)

"""Exchanges: which parameters are renumbered with the components, and one numbering for all.

The likelihood of a mixture does not change when its components are renumbered (label switching).
EM, the MLE, the MAP and every posterior draw therefore number the components arbitrarily. Before
they are compared, each is renumbered to be closest to one reference, by solving an assignment
problem (Stephens 2000, J. R. Statist. Soc. B 62(4), section 4, with the reference held fixed).

Which parameters belong to components is found by renumbering them and comparing log-likelihoods.
The parameters of components may be entries of an array, along an axis of length K; or K parameters
of their own, such as `mu_0` and `mu_1`. With two components, a probability may belong to one of
them, and its complement to the other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

Values = Mapping[str, np.ndarray]
LogDensity = Callable[[Values], float]

# All permutations of the components are tried: the largest number for which that takes little time.
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
    groups : tuple of tuple of str
        Names of K parameters or deterministics, one for each component.
    complements : tuple of (str, float)
        Names of parameters and deterministics x that become c - x when two components are
        exchanged, and c: 1 for a probability, and 0 for a number that changes its sign.
    recomputed : tuple of str
        Deterministics that change in another way and have to be computed again.
    """

    size: int
    axes: tuple[tuple[str, int], ...]
    latents: tuple[str, ...]
    prior_distinguishes: bool = False
    groups: tuple[tuple[str, ...], ...] = ()
    complements: tuple[tuple[str, float], ...] = ()
    recomputed: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all values that `renumber` changes."""
        names = [name for name, _ in (*self.axes, *self.complements)]
        return tuple(dict.fromkeys([*names, *(name for group in self.groups for name in group)]))


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
    cost: Any = 0.0
    for name, axis in single:
        of_draws = _by_component(values[name], axis + 1, keep=1)
        of_reference = _by_component(reference[name], axis)
        width = _positive(_by_component(scale[name], axis), of_reference)
        distance = (of_draws[:, :, None] - of_reference[None, None]) / width[None, None]
        cost = cost + (distance**2).sum(axis=-1)
    for group in exchange.groups:
        of_draws = np.stack([_flat(values[name], keep=1) for name in group], axis=1)
        of_reference = np.stack([_flat(reference[name]) for name in group])
        width = _positive(np.stack([_flat(scale[name]) for name in group]), of_reference)
        distance = (of_draws[:, :, None] - of_reference[None, None]) / width[None, None]
        cost = cost + (distance**2).sum(axis=-1)
    for name, total in exchange.complements:
        draws, at, width = values[name], reference[name], np.asarray(scale[name])
        width = np.where(np.isfinite(width) & (width > 0), width, np.max(np.abs(total - 2 * at)))
        same, other = (
            _flat(((one - at) / np.where(width > 0, width, 1)) ** 2, keep=1).sum(axis=-1)
            for one in (draws, total - draws)
        )
        # Half of it for each of the two components that are assigned.
        both = np.stack([same, other, other, same], axis=-1) / 2
        cost = cost + both.reshape((-1, 2, 2))
    if not (single or exchange.groups or exchange.complements):
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
    for group in exchange.groups:
        stacked = np.stack([values[name] for name in group], axis=1)
        index = np.expand_dims(order, tuple(range(2, stacked.ndim)))
        renumbered = np.take_along_axis(stacked, index, axis=1)
        result |= {name: renumbered[:, number] for number, name in enumerate(group)}
    exchanged = order[:, 0] == 1
    for name, total in exchange.complements:
        array = np.asarray(values[name])
        marked = exchanged.reshape((-1,) + (1,) * (array.ndim - 1))
        result[name] = np.where(marked, total - array, array)
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


def _flat(array: np.ndarray, keep: int = 0) -> np.ndarray:
    """Flatten all axes but the first `keep`."""
    array = np.asarray(array)
    return array.reshape((*array.shape[:keep], -1))


def _by_component(array: np.ndarray, axis: int, keep: int = 0) -> np.ndarray:
    """Move the components behind the first `keep` axes, and flatten all axes after them."""
    moved = np.moveaxis(np.asarray(array), axis, keep)
    return moved.reshape((*moved.shape[: keep + 1], -1))


def _positive(width: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Replace widths that are not finite and positive by the range of the components."""
    extent = np.ptp(reference, axis=0, keepdims=True)
    fallback = np.broadcast_to(np.where(extent > 0, extent, 1.0), width.shape)
    return np.where(np.isfinite(width) & (width > 0), width, fallback)

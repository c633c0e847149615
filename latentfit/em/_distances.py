"""Relative distance between two sets of parameters, up to the numbering of components.

The relative distance of an array is the largest absolute difference of an entry, divided by the
largest absolute entry of both arrays; the distance of a set is the largest over its arrays.

The components of a mixture may be numbered differently in the two sets. They are renumbered if that
reduces the distance: along the first axis of all arrays that have equally many entries there, and
along the second axis as well where an array is square and becomes closer, as a transition matrix
does.
"""

from collections.abc import Mapping

import numpy as np

Values = Mapping[str, np.ndarray]

# Longer axes index units or items of the data, not components.
_MAX_COMPONENTS = 50


def relative_distance(first: Values, second: Values) -> float:
    """Return the relative distance between two sets of params, whatever their numbering.

    Parameters
    ----------
    first, second : dict of ndarray
        With the same names and shapes, natural scale.
    """
    lengths = {np.shape(value)[0] for value in first.values() if np.ndim(value)}
    closest = {name: np.asarray(value) for name, value in second.items()}
    for count in sorted(length for length in lengths if 1 < length <= _MAX_COMPONENTS):
        renumbered = _renumbered(first, closest, _matching_order(first, closest, count))
        closest = min(closest, renumbered, key=lambda values: _distance(first, values))
    return _distance(first, closest)


def _distance(first: Values, second: Values) -> float:
    return max(_array_distance(first[name], second[name]) for name in first)


def _array_distance(first: np.ndarray, second: np.ndarray) -> float:
    size = max(np.max(np.abs(first)), np.max(np.abs(second)))
    return float(np.max(np.abs(first - second)) / size) if size else 0.0


def _renumbered(first: Values, second: Values, order: np.ndarray) -> dict[str, np.ndarray]:
    return {name: _renumbered_array(first[name], value, order) for name, value in second.items()}


def _renumbered_array(first: np.ndarray, second: np.ndarray, order: np.ndarray) -> np.ndarray:
    if not second.ndim or len(second) != len(order):
        return second
    candidates = [second[order]]
    if second.ndim > 1 and second.shape[1] == len(order):
        candidates.append(second[order][:, order])
    return min(candidates, key=lambda value: _array_distance(first, value))


def _matching_order(first: Values, second: Values, count: int) -> np.ndarray:
    """Return the component of the second set for each of the first, closest pairs first."""
    ours, theirs = _component_features(first, count), _component_features(second, count)
    scale = np.maximum(np.max(np.abs(ours), axis=0), np.max(np.abs(theirs), axis=0))
    ours, theirs = (rows / np.where(scale > 0, scale, 1.0) for rows in (ours, theirs))
    distances = np.max(np.abs(ours[:, None] - theirs), axis=-1)
    order = np.empty(count, dtype=int)
    for _ in range(count):
        here, there = np.unravel_index(np.argmin(distances), distances.shape)
        order[here] = there
        distances[here], distances[:, there] = np.inf, np.inf
    return order


def _component_features(values: Values, count: int) -> np.ndarray:
    """Return the params of each component as a row.

    Rows of square matrices are sorted, because their columns may be numbered differently too.
    """
    parts = []
    for value in values.values():
        array = np.asarray(value, dtype=float)
        if not array.ndim or len(array) != count:
            continue
        square = array.ndim == 2 and array.shape[1] == count
        parts.append(np.sort(array, axis=1) if square else array.reshape(count, -1))
    return np.hstack(parts)

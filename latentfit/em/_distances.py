"""How far apart the ends of EM are, in their parameters.

Of an array it is the largest difference of an entry over the array's largest entry; of all, the
largest. Components may be numbered differently at the two ends. They are renumbered, if that brings
the ends closer: along the first axis of all arrays that have as many entries there, and along the
second one too where an array is square and is closer so, as transition matrices are.
"""

from collections.abc import Mapping

import numpy as np

Values = Mapping[str, np.ndarray]

# Longer axes are of units or items, not of components.
_MOST = 50


def apart(first: Values, second: Values) -> float:
    """The relative distance between two ends of EM, whatever the numbering of components.

    Parameters
    ----------
    first, second : dict of ndarray
        Of the same names and shapes, natural scale.
    """
    counts = {np.shape(value)[0] for value in first.values() if np.ndim(value)}
    found = {name: np.asarray(value) for name, value in second.items()}
    for count in sorted(count for count in counts if 1 < count <= _MOST):
        other = _renumbered(first, found, _matched(first, found, count))
        found = min(found, other, key=lambda values: _distance(first, values))
    return _distance(first, found)


def _distance(first: Values, second: Values) -> float:
    return max(_relative(first[name], second[name]) for name in first)


def _relative(first: np.ndarray, second: np.ndarray) -> float:
    size = max(np.max(np.abs(first)), np.max(np.abs(second)))
    return float(np.max(np.abs(first - second)) / size) if size else 0.0


def _renumbered(first: Values, second: Values, order: np.ndarray) -> dict[str, np.ndarray]:
    return {name: _closer(first[name], value, order) for name, value in second.items()}


def _closer(first: np.ndarray, second: np.ndarray, order: np.ndarray) -> np.ndarray:
    if not second.ndim or len(second) != len(order):
        return second
    ways = [second[order]]
    if second.ndim > 1 and second.shape[1] == len(order):
        ways.append(second[order][:, order])
    return min(ways, key=lambda value: _relative(first, value))


def _matched(first: Values, second: Values, count: int) -> np.ndarray:
    """For each component of the first its like in the second, nearest ones taken first."""
    ours, theirs = _features(first, count), _features(second, count)
    scale = np.maximum(np.max(np.abs(ours), axis=0), np.max(np.abs(theirs), axis=0))
    ours, theirs = (rows / np.where(scale > 0, scale, 1.0) for rows in (ours, theirs))
    distances = np.max(np.abs(ours[:, None] - theirs), axis=-1)
    order = np.empty(count, dtype=int)
    for _ in range(count):
        here, there = np.unravel_index(np.argmin(distances), distances.shape)
        order[here] = there
        distances[here], distances[:, there] = np.inf, np.inf
    return order


def _features(values: Values, count: int) -> np.ndarray:
    """What is known of each component, a row each; of square arrays in no order of columns."""
    parts = []
    for value in values.values():
        array = np.asarray(value, dtype=float)
        if not array.ndim or len(array) != count:
            continue
        square = array.ndim == 2 and array.shape[1] == count
        parts.append(np.sort(array, axis=1) if square else array.reshape(count, -1))
    return np.hstack(parts)

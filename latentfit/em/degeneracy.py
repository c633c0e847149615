"""Ends that are no estimates: told apart by the course of the run alone.

A scale that tends to zero takes the likelihood to infinity when a component shrinks onto a
point; a Poisson rate, a weight or a mean tends to zero quite properly. What distinguishes
them is the log-likelihood. Beside a component of m coinciding values of dimension d it grows as
-m d log σ, without end: by at least 1/2 for every factor e by which the scale (or its square,
a variance) falls. Towards a proper limit the growth dies out. The same holds of a rate or
precision that grows without bound.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.em.constraints import is_simplex
from latentfit.em.layout import Layout

# Square root of the precision of doubles: a variance computed from data cannot be told from
# rounding error once the scale is below this share of what it was.
_VANISHED = 1e-8
_NOTHING = 1e-12
# The log-likelihood's growth is measured over a change by at least this factor, and lies
# halfway (in logarithms, about) between 1/2, the least of a collapse, and 0.
_STRETCH = math.log(1e4)
_GROWTH = 0.25
# A vanishing weight or rate goes on falling; a scale that rounding error keeps from zero does
# not. Without a log-likelihood this is all there is to go by.
_REST = 1e-6

History = Sequence[np.ndarray]


class Suspects:
    """The parameters that can collapse or empty, and what has become of them.

    Scales are entries of arrays that are positive throughout at the start, and diagonals of
    symmetric matrices; weights are arrays that sum to one along their last axis.

    Parameters
    ----------
    layout : Layout
    start : ndarray, shape (p,)
    """

    def __init__(self, layout: Layout, start: np.ndarray) -> None:
        scales, weights, group = [], [], []
        for number, array in enumerate(layout.unpack(start).values()):
            positions = layout.offsets[number] + np.arange(array.size).reshape(array.shape)
            if is_simplex(array):
                weights.append(positions.ravel())
                continue
            if not (array > 0).all():
                positions = _positive_diagonal(array, positions)
            scales.append(positions.ravel())
            group.append(np.full(positions.size, number))
        self._layout = layout
        self._scales = _joined(scales)
        self._weights = _joined(weights)
        self._group = _joined(group)
        self._largest = np.zeros(len(layout.shapes))

    def collapse(self, history: History, log_likelihoods: Sequence[float] | None) -> str | None:
        """Look at the latest parameters, all finite; a clause about the collapse, if it is one.

        A scale is suspect once it has fallen below 1e-8 of the largest that its array has been
        since the first M step (the start may be anywhere). It has collapsed if the
        log-likelihood kept growing along with its fall; where none is known, if it came to
        rest there.
        """
        if not self._scales.size:
            return None
        now = history[-1][self._scales]
        if len(history) > 1:
            np.maximum.at(self._largest, self._group, now)
        fallen = now < _VANISHED * self._largest[self._group]
        if not fallen.any():
            return None
        largest = self._largest[self._group]
        for position, most in zip(self._scales[fallen], largest[fallen], strict=True):
            value, before = history[-1][position], history[-2][position]
            if log_likelihoods is None:
                collapsed = value > 0 and abs(value - before) <= _REST * before
                grew = ""
            else:
                # The start may be anywhere: that the first M step leads far away from it is no
                # sign of a collapse, unless it leads to where only rounding error is left.
                first = 0 if value <= _NOTHING * most else 1
                growth = _growth(history, log_likelihoods, position, first)
                collapsed = growth is not None and growth >= _GROWTH
                grew = ", and the log-likelihood grew with every factor by which it fell"
            if collapsed:
                return f"{self._told(position, history)}{grew}"
        return None

    def behind_failure(
        self, history: History, log_likelihoods: Sequence[float] | None
    ) -> str | None:
        """The same when a value was not finite: the latest parameters explain it if they can.

        A scale at zero does, unless the log-likelihood stopped growing while it fell.
        """
        latest = history[-1]
        reference = np.maximum(self._largest[self._group], history[0][self._scales])
        now = latest[self._scales]
        for position in self._scales[now <= _VANISHED * reference]:
            growth = _growth(history, log_likelihoods, position)
            if growth is None or growth >= _GROWTH:
                return self._told(position, history)
        for position in self._scales[_VANISHED * now >= history[0][self._scales]]:
            growth = _growth(history, log_likelihoods, position)
            if growth is not None and growth >= _GROWTH:
                return (
                    f"{self._layout.label(position)} has grown to {latest[position]:.3g}, "
                    f"and the log-likelihood with it, without bound"
                )
        return None

    def empty(self, latest: np.ndarray, expectations: Mapping[str, Any] | None) -> str | None:
        """A clause about a component that has no weight or no observations, if there is one."""
        for name, value in (expectations or {}).items():
            if isinstance(value, np.ndarray) and value.ndim > 1 and is_simplex(value):
                mass = value.reshape(-1, value.shape[-1]).sum(axis=0)
                if mass.min() < _VANISHED:
                    which = int(mass.argmin())
                    return (
                        f"the probabilities {name}[..., {which}] add up to {mass[which]:.3g} "
                        f"over all observations"
                    )
        vanished = latest[self._weights] < _VANISHED
        if vanished.any():
            position = self._weights[vanished][0]
            return f"{self._layout.label(position)} = {latest[position]:.3g}"
        return None

    def _told(self, position: int, history: History) -> str:
        return (
            f"{self._layout.label(position)} = {history[-1][position]:.3g}, "
            f"from {history[0][position]:.3g} at the start"
        )


def _growth(
    history: History, log_likelihoods: Sequence[float] | None, position: int, first: int = 0
) -> float | None:
    """Growth of the log-likelihood by each factor e of an entry's change, over its last stretch.

    None where it is not known: there is no log-likelihood, or the entry went all the way at
    once. What was before iteration `first` is left out.
    """
    if log_likelihoods is None:
        return None
    last = min(len(history), len(log_likelihoods)) - 1
    while last > 0 and not (history[last][position] > 0 and np.isfinite(log_likelihoods[last])):
        last -= 1
    end = history[last][position]
    if not end > 0:
        return None
    for begin in range(last - 1, first - 1, -1):
        value = history[begin][position]
        if value > 0 and (stretch := abs(math.log(value) - math.log(end))) >= _STRETCH:
            return (log_likelihoods[last] - log_likelihoods[begin]) / stretch
    return None


def _positive_diagonal(array: np.ndarray, positions: np.ndarray) -> np.ndarray:
    square = array.ndim > 1 and array.shape[-1] == array.shape[-2]
    if not (square and np.array_equal(array, np.swapaxes(array, -1, -2))):
        return np.zeros(0, dtype=int)
    diagonal = np.diagonal(positions, axis1=-2, axis2=-1)
    return diagonal if (np.diagonal(array, axis1=-2, axis2=-1) > 0).all() else diagonal[:0]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=int)

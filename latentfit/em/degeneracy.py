"""Detection of degenerate solutions: collapsed scales and components without observations.

The likelihood of a mixture is unbounded when the scale of a component tends to zero around a
single point. A Poisson rate, a weight or a mean, in contrast, may properly tend to zero. The
log-likelihood distinguishes the two. For a component of m coinciding values of dimension d it grows
as -m d log σ, without bound: by at least 1/2 for every factor e by which the scale (or its square,
a variance) falls. Near a proper limit the growth vanishes. The same applies to a rate or a
precision that grows without bound.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.em.constraints import is_simplex
from latentfit.em.layout import Layout

# A scale has vanished below this share of its largest earlier value. It is the square root of the
# precision of doubles: a variance computed from data cannot be distinguished from rounding error
# once its scale is smaller.
_VANISHED_SCALE_RELATIVE = 1e-8
# Below this share a scale consists of rounding error alone.
_ROUNDING_LEVEL_SCALE_RELATIVE = 1e-12
# A component is empty if its weight, or its expected number of observations, is below this.
_EMPTY_COMPONENT_MASS = 1e-8
# The growth of the log-likelihood is measured over a change of the scale by at least this factor.
_MIN_LOG_FACTOR_FOR_GROWTH = math.log(1e4)
# The threshold lies halfway between 1/2, the least growth of a collapse, and 0.
_COLLAPSE_GROWTH_NATS_PER_FACTOR_E = 0.25
# A vanishing weight or rate keeps falling, whereas a scale that rounding error keeps from zero
# does not. Without a log-likelihood this is the only evidence of a collapse.
_CONSTANT_SCALE_CHANGE_RELATIVE = 1e-6

History = Sequence[np.ndarray]


class DegeneracyCheck:
    """Check whether scales collapse or components become empty during a run.

    Scales are the entries of arrays that are positive throughout at the start, and the diagonals
    of symmetric matrices, as long as no entry becomes negative: that shows that the array holds no
    scales but, for example, means. Weights are arrays that sum to one along their last axis.

    Parameters
    ----------
    layout : Layout
    start : ndarray, shape (p,)
        Starting values, from which scales and weights are recognised.
    """

    def __init__(self, layout: Layout, start: np.ndarray) -> None:
        scales, weights, array_numbers = [], [], []
        for number, array in enumerate(layout.unpack(start).values()):
            positions = layout.offsets[number] + np.arange(array.size).reshape(array.shape)
            if is_simplex(array):
                weights.append(positions.ravel())
                continue
            if not (array > 0).all():
                positions = _positive_diagonal(array, positions)
            scales.append(positions.ravel())
            array_numbers.append(np.full(positions.size, number))
        self._layout = layout
        self._scales = _concatenated(scales)
        self._weights = _concatenated(weights)
        self._array_of_scale = _concatenated(array_numbers)
        self._largest_of_array = np.zeros(len(layout.shapes))
        self._largest_at_start = np.zeros(len(layout.shapes))
        np.maximum.at(self._largest_at_start, self._array_of_scale, start[self._scales])

    def find_collapse(
        self, history: History, log_likelihoods: Sequence[float] | None
    ) -> str | None:
        """Check whether a scale has collapsed at the latest parameters.

        A scale is suspicious once it has fallen below 1e-8 of the largest value that its array has
        had since the first M step; the starting value itself is arbitrary. The scale has collapsed
        if the log-likelihood kept growing while it fell. Without a log-likelihood, it has collapsed
        if it no longer changes.

        Parameters
        ----------
        history : sequence of ndarray, each of shape (p,)
            All parameters so far, the start first; the latest are finite.
        log_likelihoods : sequence of float or None
            The log-likelihood at each of them.

        Returns
        -------
        str or None
            A clause that describes the collapse, for a message.
        """
        self._leave_out_negative_arrays(history[-1])
        if not self._scales.size:
            return None
        now = history[-1][self._scales]
        if len(history) > 1:
            np.maximum.at(self._largest_of_array, self._array_of_scale, now)
        largest = self._largest_of_array[self._array_of_scale]
        fallen = now < _VANISHED_SCALE_RELATIVE * largest
        if not fallen.any():
            return None
        for position, reference in zip(self._scales[fallen], largest[fallen], strict=True):
            value, previous = history[-1][position], history[-2][position]
            if log_likelihoods is None:
                change = abs(value - previous)
                collapsed = value > 0 and change <= _CONSTANT_SCALE_CHANGE_RELATIVE * previous
                growth_clause = ""
            else:
                # As the start is arbitrary, a first M step that leads far away from it is no sign
                # of a collapse, unless it leads to where only rounding error is left.
                only_rounding = value <= _ROUNDING_LEVEL_SCALE_RELATIVE * reference
                growth = _growth(history, log_likelihoods, position, 0 if only_rounding else 1)
                collapsed = growth is not None and growth >= _COLLAPSE_GROWTH_NATS_PER_FACTOR_E
                growth_clause = (
                    ", and the log-likelihood increased with every factor by which it fell"
                )
            if collapsed:
                return f"{self._change_of(position, history)}{growth_clause}"
        return None

    def explain_failure(
        self, history: History, log_likelihoods: Sequence[float] | None
    ) -> str | None:
        """Check whether a collapse explains why a step failed at the latest parameters.

        A scale at zero explains the failure, unless the log-likelihood stopped growing while the
        scale fell. So does a scale, rate or precision that grows without bound together with the
        log-likelihood.

        Parameters
        ----------
        history, log_likelihoods
            As in `find_collapse`; the latest log-likelihood may not be finite.

        Returns
        -------
        str or None
            A clause that describes the collapse, for a message.
        """
        latest = history[-1]
        self._leave_out_negative_arrays(latest)
        start = history[0][self._scales]
        reference = np.maximum(self._largest_of_array[self._array_of_scale], start)
        now = latest[self._scales]
        for position in self._scales[now <= _VANISHED_SCALE_RELATIVE * reference]:
            growth = _growth(history, log_likelihoods, position)
            if growth is None or growth >= _COLLAPSE_GROWTH_NATS_PER_FACTOR_E:
                return self._change_of(position, history)
        for position in self._scales[_VANISHED_SCALE_RELATIVE * now >= start]:
            growth = _growth(history, log_likelihoods, position)
            if growth is not None and growth >= _COLLAPSE_GROWTH_NATS_PER_FACTOR_E:
                return (
                    f"{self._layout.label(position)} has grown to {latest[position]:.3g}, "
                    f"and the log-likelihood grows with it without bound"
                )
        return None

    def find_empty_component(
        self, latest: np.ndarray, expectations: Mapping[str, Any] | None
    ) -> str | None:
        """Check whether a component has no weight or no observations.

        Parameters
        ----------
        latest : ndarray, shape (p,)
            The latest parameters.
        expectations : mapping or None
            What the E step returned at these parameters; arrays whose last axis sums to one are
            taken for component probabilities.

        Returns
        -------
        str or None
            A clause that names the component, for a message.
        """
        for name, value in (expectations or {}).items():
            if isinstance(value, np.ndarray) and value.ndim > 1 and is_simplex(value):
                mass = value.reshape(-1, value.shape[-1]).sum(axis=0)
                if mass.min() < _EMPTY_COMPONENT_MASS:
                    component = int(mass.argmin())
                    return (
                        f"the probabilities {name}[..., {component}] add up to "
                        f"{mass[component]:.3g} over all observations"
                    )
        vanished = latest[self._weights] < _EMPTY_COMPONENT_MASS
        if vanished.any():
            position = self._weights[vanished][0]
            return f"{self._layout.label(position)} = {latest[position]:.3g}"
        return None

    def _leave_out_negative_arrays(self, latest: np.ndarray) -> None:
        """Stop treating arrays with a negative entry as scales.

        A variance that rounding error makes negative still counts as a scale that has vanished.
        """
        now = latest[self._scales]
        # The start counts, because an error may follow the first M step.
        largest = np.maximum(self._largest_of_array, self._largest_at_start)[self._array_of_scale]
        negative = now < -_ROUNDING_LEVEL_SCALE_RELATIVE * largest
        if negative.any():
            kept = ~np.isin(self._array_of_scale, self._array_of_scale[negative])
            self._scales, self._array_of_scale = self._scales[kept], self._array_of_scale[kept]

    def _change_of(self, position: int, history: History) -> str:
        return (
            f"{self._layout.label(position)} = {history[-1][position]:.3g}, "
            f"from {history[0][position]:.3g} at the start"
        )


def _growth(
    history: History, log_likelihoods: Sequence[float] | None, position: int, first: int = 0
) -> float | None:
    """Return the growth of the log-likelihood for each factor e by which an entry changed.

    It is measured over the latest change by a factor of 1e4, within the iterations from `first`
    on. None means that it is unknown: there is no log-likelihood, or no such change.
    """
    if log_likelihoods is None:
        return None
    last = min(len(history), len(log_likelihoods)) - 1
    while last > 0 and not (history[last][position] > 0 and np.isfinite(log_likelihoods[last])):
        last -= 1
    latest = history[last][position]
    if not latest > 0:
        return None
    for earlier in range(last - 1, first - 1, -1):
        value = history[earlier][position]
        if value > 0:
            log_factor = abs(math.log(value) - math.log(latest))
            if log_factor >= _MIN_LOG_FACTOR_FOR_GROWTH:
                return (log_likelihoods[last] - log_likelihoods[earlier]) / log_factor
    return None


def _positive_diagonal(array: np.ndarray, positions: np.ndarray) -> np.ndarray:
    square = array.ndim > 1 and array.shape[-1] == array.shape[-2]
    if not (square and np.array_equal(array, np.swapaxes(array, -1, -2))):
        return np.zeros(0, dtype=int)
    diagonal = np.diagonal(positions, axis1=-2, axis2=-1)
    return diagonal if (np.diagonal(array, axis1=-2, axis2=-1) > 0).all() else diagonal[:0]


def _concatenated(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=int)

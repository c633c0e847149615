"""The unit of length of each coordinate in which a log-likelihood is differentiated.

Finite differences need steps over which the function changes neither too little, which leaves
rounding error, nor too much, which leaves truncation error. A log-likelihood falls by 1/2 over one
standard error, whatever the units of the data, so this length is the natural unit for a step.
"""

import math

import numpy as np

from latentfit.em.information.differences import Scalar

# The fall of the function over one unit that is aimed for, and the range that is accepted, in nats.
_TARGET_FALL = 0.5
_ACCEPTED_FALL = (0.1, 2.0)
_MAX_ADJUSTMENTS = 40
# First unit that is tried, as a share of the coordinate's size or of 1 if that is larger.
_FIRST_UNIT_RELATIVE = 0.1
# A unit for the logarithm of a bounded parameter is at most a factor e of the parameter.
_LARGEST_LOG_UNIT = 1.0
# Largest unit of another coordinate, as a multiple of one plus its size: the function is then
# regarded as constant along it.
_LARGEST_UNIT_RELATIVE = 1e6
# A unit that could be lengthened by less than this factor is kept.
_WORTHWHILE_FACTOR = 1.5
# Replaces a fall of zero in divisions.
_TINY_FALL = 1e-300


def curvature_units(function: Scalar, point: np.ndarray, bounded: np.ndarray) -> np.ndarray:
    """Find the length along each coordinate over which a function falls by about 1/2, (size,).

    Parameters
    ----------
    function : callable
        A log-likelihood, or Q, in nats.
    point : ndarray, shape (size,)
        Near its maximum.
    bounded : ndarray of bool, shape (size,)
        Coordinates that are logarithms or log-odds of bounded parameters: their unit is at most 1.
    """
    value = function(point)
    units = np.ones(len(point))
    for axis in range(len(point)):
        largest = (
            _LARGEST_LOG_UNIT if bounded[axis] else _LARGEST_UNIT_RELATIVE * (1 + abs(point[axis]))
        )
        units[axis] = _unit(function, point, axis, value, largest)
    return units


def _unit(
    function: Scalar, point: np.ndarray, axis: int, value_at_point: float, largest: float
) -> float:
    unit = _FIRST_UNIT_RELATIVE * max(1.0, abs(float(point[axis])))
    unit = min(unit, largest)
    shortest_rejected = math.inf
    for _ in range(_MAX_ADJUSTMENTS):
        values = []
        for sign in (-1.0, 1.0):
            moved = point.copy()
            moved[axis] += sign * unit
            values.append(function(moved))
        fall = abs(value_at_point - sum(values) / 2)
        if not math.isfinite(fall):
            shortest_rejected = unit
            unit /= 10
        elif fall > _ACCEPTED_FALL[1]:
            shortest_rejected = unit
            unit *= max(0.1, math.sqrt(_TARGET_FALL / fall))
        elif fall < _ACCEPTED_FALL[0] and unit < largest:
            longer = unit * min(10.0, math.sqrt(_TARGET_FALL / max(fall, _TINY_FALL)))
            # A longer unit that was rejected shows that the function drops abruptly in between:
            # go halfway there, not back to it.
            longer = min(longer, largest, (unit + shortest_rejected) / 2)
            if longer < _WORTHWHILE_FACTOR * unit:
                return unit
            unit = longer
        else:
            return unit
    return unit

"""Derivatives of functions that nobody differentiated, and how precise they are.

The error of a central difference has even powers of the step alone,

    (f(h) - f(-h)) / 2h               = f'  + a₂ h² + a₄ h⁴ + ...
    (f(h) - 2 f(0) + f(-h)) / h²      = f'' + b₂ h² + b₄ h⁴ + ...

so that two steps, one half of the other, eliminate the first of them, three the first two, and so
on (Richardson 1911, Phil. Trans. R. Soc. A 210, 307-357). Of the triangle of values that comes of
it, the one is taken that differs least from those that it was made of: with shorter steps what is
left of the series falls and rounding grows, and there is no telling beforehand where they meet
(Ridders 1982, Advances in Engineering Software 4(2), 75-76). That difference, or what rounding
makes of the terms if that is more, is the error that is stated.

Steps are in units of each coordinate, `curvature_units`: over one of them the function falls by
about 1/2. So a log-likelihood falls over a standard error, whatever the units of the data.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# The longest step, in units, and how many: the shortest is a thirtieth of a unit.
_LONGEST = 0.5
_LEVELS = 5
# How often it is halved to begin with, where the function is not finite so far out.
_HALVINGS = 12
_EPS = np.finfo(float).eps
# Over one unit a function is to fall by 1/2; between these it is near enough.
_FALL = (0.1, 2.0)
_TRIES = 40
# A logarithm needs no unit beyond 1; another coordinate is flat beyond this many times its size.
_FARTHEST = 1e6

Scalar = Callable[[np.ndarray], float]
Vector = Callable[[np.ndarray], np.ndarray]
Advance = Callable[[], object]


class Derivative(NamedTuple):
    """What was found, and its estimated absolute error, of the same shape."""

    value: np.ndarray
    error: np.ndarray


def first(
    along: Callable[[float], np.ndarray], *, longest: float = _LONGEST, levels: int = _LEVELS
) -> Derivative:
    """The derivative at 0 of a function of one number, array by array.

    Where the function is not finite, the longest step is halved until it is; NaN with an infinite
    error where that does not help.
    """

    def difference(step: float) -> tuple[np.ndarray, np.ndarray]:
        ahead, behind = np.asarray(along(step)), np.asarray(along(-step))
        rounding = _EPS * (np.abs(ahead) + np.abs(behind)) / (2 * step)
        return (ahead - behind) / (2 * step), rounding

    return _extrapolated(difference, longest, levels)


def second(
    along: Callable[[float], float], middle: float, *, longest: float = _LONGEST
) -> Derivative:
    """The second derivative at 0 of a function of one number; `middle` is its value there."""

    def difference(step: float) -> tuple[np.ndarray, np.ndarray]:
        ahead, behind = along(step), along(-step)
        rounding = 2 * _EPS * (abs(ahead) + 2 * abs(middle) + abs(behind)) / step**2
        return np.asarray((ahead - middle) + (behind - middle)) / step**2, np.asarray(rounding)

    return _extrapolated(difference, longest, _LEVELS)


def gradient(
    function: Scalar,
    point: np.ndarray,
    units: np.ndarray,
    *,
    longest: float = _LONGEST,
    levels: int = _LEVELS,
) -> Derivative:
    """First derivatives of a number, shape (size,)."""

    def alone(where: np.ndarray) -> np.ndarray:
        return np.array([function(where)])

    found = jacobian(alone, point, units, longest=longest, levels=levels)
    return Derivative(found.value[0], found.error[0])


def jacobian(
    function: Vector,
    point: np.ndarray,
    units: np.ndarray,
    *,
    longest: float = _LONGEST,
    levels: int = _LEVELS,
    advance: Advance = lambda: None,
) -> Derivative:
    """First derivatives, one coordinate a column, shape (outputs, size)."""

    def column(axis: np.ndarray) -> Derivative:
        found = first(lambda t: function(point + t * axis), longest=longest, levels=levels)
        advance()
        return found

    if not len(point):
        nothing = np.zeros((len(function(point)), 0))
        return Derivative(nothing, nothing)
    columns = map(column, np.diag(units))
    values, errors = (np.stack(part, axis=-1) for part in zip(*columns, strict=True))
    return Derivative(values / units, errors / units)


def hessian(
    function: Scalar, point: np.ndarray, units: np.ndarray, *, advance: Advance = lambda: None
) -> Derivative:
    """Second derivatives, shape (size, size); `advance` is called `hessian_steps` times.

    Off the diagonal they follow from those along sums of two coordinates,
    2 f_ij = f''(e_i + e_j) - f_ii - f_jj.
    """
    middle, size = function(point), len(point)
    axes = np.diag(units)
    values, errors = np.zeros((size, size)), np.zeros((size, size))

    def along(direction: np.ndarray) -> Derivative:
        found = second(lambda t: function(point + t * direction), middle)
        advance()
        return found

    for i in range(size):
        values[i, i], errors[i, i] = along(axes[i])
    for i in range(size):
        for j in range(i):
            value, error = along(axes[i] + axes[j])
            values[i, j] = values[j, i] = (value - values[i, i] - values[j, j]) / 2
            errors[i, j] = errors[j, i] = (error + errors[i, i] + errors[j, j]) / 2
    scale = np.outer(units, units)
    return Derivative(values / scale, errors / scale)


def hessian_steps(size: int) -> int:
    """How many directions `hessian` follows."""
    return size * (size + 1) // 2


def mixed(
    function: Callable[[np.ndarray, np.ndarray], float],
    point: np.ndarray,
    units: np.ndarray,
    *,
    advance: Advance = lambda: None,
) -> Derivative:
    """Mixed second derivatives of a function of two points, where both are `point`.

    Rows are coordinates of the first, columns of the second, shape (size, size). The second is
    held while the first varies, for that is what costs less: an E step belongs to the second.
    """
    axes = np.diag(units)
    if not len(point):
        return Derivative(axes, axes)

    def column(axis: np.ndarray) -> Derivative:
        def difference(step: float) -> tuple[np.ndarray, np.ndarray]:
            corners = np.array(
                [
                    [[function(point + s * step * row, given) for row in axes] for s in (1.0, -1.0)]
                    for given in (point + step * axis, point - step * axis)
                ]
            )
            (far, near), (back, across) = corners
            rounding = 2 * _EPS * np.abs(corners).sum(axis=(0, 1)) / (4 * step**2)
            return ((far - near) - (back - across)) / (4 * step**2), rounding

        found = _extrapolated(difference, _LONGEST, _LEVELS)
        advance()
        return found

    values, errors = (np.stack(p, axis=-1) for p in zip(*map(column, axes), strict=True))
    scale = np.outer(units, units)
    return Derivative(values / scale, errors / scale)


def curvature_units(function: Scalar, point: np.ndarray, bounded: np.ndarray) -> np.ndarray:
    """The length along each coordinate over which a function falls by about 1/2, (size,).

    Parameters
    ----------
    function : callable
        A log-likelihood, or Q, near its maximum `point`.
    point : ndarray, shape (size,)
    bounded : ndarray of bool, shape (size,)
        Coordinates that are logarithms: their unit is 1 at most.
    """
    middle = function(point)
    units = np.ones(len(point))
    for axis in range(len(point)):
        far = 1.0 if bounded[axis] else _FARTHEST * (1 + abs(point[axis]))
        units[axis] = _unit(function, point, axis, middle, far)
    return units


def _unit(function: Scalar, point: np.ndarray, axis: int, middle: float, far: float) -> float:
    unit = 0.1 * max(1.0, abs(point[axis]))
    unit = min(unit, far)
    longest_finite = np.inf
    for _ in range(_TRIES):
        ends = []
        for sign in (-1.0, 1.0):
            moved = point.copy()
            moved[axis] += sign * unit
            ends.append(function(moved))
        fall = abs(middle - sum(ends) / 2)
        if not np.isfinite(fall):
            longest_finite = unit
            unit /= 10
        elif fall > _FALL[1]:
            longest_finite = unit
            unit *= max(0.1, np.sqrt(0.5 / fall))
        elif fall < _FALL[0] and unit < far:
            longer = unit * min(10.0, np.sqrt(0.5 / max(fall, 1e-300)))
            # Not back to where it fell too far: between these there is an edge.
            longer = min(longer, far, (unit + longest_finite) / 2)
            if longer < 1.5 * unit:
                return unit
            unit = longer
        else:
            return unit
    return unit


def _extrapolated(
    difference: Callable[[float], tuple[np.ndarray, np.ndarray]], longest: float, levels: int
) -> Derivative:
    """Ridders' triangle; each entry is taken from where its own error is least."""
    row: list[np.ndarray] = []
    blurs: list[np.ndarray] = []
    step = longest
    value, blur = difference(step)
    for _ in range(_HALVINGS):
        if np.isfinite(value).all():
            break
        step /= 2
        value, blur = difference(step)
    best, least = np.full(np.shape(value), np.nan), np.full(np.shape(value), np.inf)
    for level in range(levels):
        before, before_blurs = row, blurs
        if level:
            value, blur = difference(step / 2**level)
        row, blurs = [value], [blur]
        for order in range(1, level + 1):
            factor = 4.0**order
            shorter, longer = row[-1], before[order - 1]
            row.append((factor * shorter - longer) / (factor - 1))
            blurs.append((factor * blurs[-1] + before_blurs[order - 1]) / (factor - 1))
            apart = np.maximum(np.abs(row[-1] - shorter), np.abs(row[-1] - longer))
            error = np.maximum(apart, blurs[-1])
            better = np.isfinite(error) & (error < least)
            best, least = np.where(better, row[-1], best), np.where(better, error, least)
    return Derivative(best, least)

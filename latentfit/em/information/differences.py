"""Derivatives by central differences, with an estimate of their error.

The error of a central difference has only even powers of its step,

    (f(h) - f(-h)) / 2h          = f'  + a₂ h² + a₄ h⁴ + ...
    (f(h) - 2 f(0) + f(-h)) / h² = f'' + b₂ h² + b₄ h⁴ + ...

A combination of two steps, one half of the other, therefore eliminates the term in h², a
combination of three steps the terms in h² and h⁴, and so on (Richardson 1911, Phil. Trans. R. Soc.
A 210, 307-357). With shorter steps the truncation error falls and rounding error grows, and where
they balance is not known beforehand. So the combinations are arranged in a triangle, as in
Neville's algorithm, and the one is chosen that differs least from the two that it was computed from
(Ridders 1982, Advances in Engineering Software 4(2), 75-76). The reported error is this difference,
or the rounding error of the function values in the combination if that is larger.

Steps are multiples of a unit of each coordinate (`latentfit.em.information.step_units`), which
makes the results independent of units of measurement.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Longest step, in units of the coordinate, and number of steps, each half as long as the one
# before. A log-likelihood falls by about 1/2 over a unit, so that the longest step is about half a
# standard error and the shortest a thirtieth of one.
_LONGEST_STEP_UNITS = 0.5
_STEP_COUNT = 5
# How often the longest step is halved where the function is not finite that far from the point.
_MAX_INITIAL_HALVINGS = 12
_MACHINE_EPSILON = np.finfo(float).eps

Scalar = Callable[[np.ndarray], float]
Vector = Callable[[np.ndarray], np.ndarray]
Advance = Callable[[], object]


class Derivative(NamedTuple):
    """Derivatives and their estimated errors.

    Attributes
    ----------
    value : ndarray
    error : ndarray
        Estimated absolute error of each entry, of the same shape as `value`.
    """

    value: np.ndarray
    error: np.ndarray


def derivative(
    function: Callable[[float], np.ndarray],
    *,
    longest_step: float = _LONGEST_STEP_UNITS,
    step_count: int = _STEP_COUNT,
) -> Derivative:
    """Differentiate a function of one number at 0.

    Where the function is not finite at the longest step, the step is halved until it is. If this
    does not help, the derivative is NaN with an infinite error.

    Parameters
    ----------
    function : callable
        Returns an array, whose entries are differentiated one by one.
    longest_step : float
    step_count : int
        Number of steps, each half as long as the one before.
    """

    def difference(step: float) -> tuple[np.ndarray, np.ndarray]:
        ahead, behind = np.asarray(function(step)), np.asarray(function(-step))
        rounding = _MACHINE_EPSILON * (np.abs(ahead) + np.abs(behind)) / (2 * step)
        return (ahead - behind) / (2 * step), rounding

    return _extrapolate(difference, longest_step, step_count)


def second_derivative(
    function: Callable[[float], float],
    value: float,
    *,
    longest_step: float = _LONGEST_STEP_UNITS,
) -> Derivative:
    """Differentiate a function of one number twice at 0.

    Parameters
    ----------
    function : callable
    value : float
        The function's value at 0.
    longest_step : float
    """

    def difference(step: float) -> tuple[np.ndarray, np.ndarray]:
        ahead, behind = function(step), function(-step)
        rounding = 2 * _MACHINE_EPSILON * (abs(ahead) + 2 * abs(value) + abs(behind)) / step**2
        return np.asarray((ahead - value) + (behind - value)) / step**2, np.asarray(rounding)

    return _extrapolate(difference, longest_step, _STEP_COUNT)


def gradient(
    function: Scalar,
    point: np.ndarray,
    units: np.ndarray,
    *,
    longest_step: float = _LONGEST_STEP_UNITS,
    step_count: int = _STEP_COUNT,
) -> Derivative:
    """Compute first derivatives of a scalar function, shape (size,).

    Parameters
    ----------
    function : callable
    point : ndarray, shape (size,)
    units : ndarray, shape (size,)
        Of each coordinate; steps are multiples of them.
    longest_step : float
        In these units.
    step_count : int
        As in `derivative`.
    """

    def as_array(where: np.ndarray) -> np.ndarray:
        return np.array([function(where)])

    found = jacobian(as_array, point, units, longest_step=longest_step, step_count=step_count)
    return Derivative(found.value[0], found.error[0])


def jacobian(
    function: Vector,
    point: np.ndarray,
    units: np.ndarray,
    *,
    longest_step: float = _LONGEST_STEP_UNITS,
    step_count: int = _STEP_COUNT,
    advance: Advance = lambda: None,
) -> Derivative:
    """Compute first derivatives of a vector function, shape (outputs, size).

    Parameters
    ----------
    function : callable
    point, units, longest_step, step_count
        As in `gradient`.
    advance : callable
        Called after each coordinate.
    """

    def column(axis: np.ndarray) -> Derivative:
        found = derivative(
            lambda t: function(point + t * axis), longest_step=longest_step, step_count=step_count
        )
        advance()
        return found

    if not len(point):
        empty = np.zeros((len(function(point)), 0))
        return Derivative(empty, empty)
    columns = map(column, np.diag(units))
    values, errors = (np.stack(part, axis=-1) for part in zip(*columns, strict=True))
    return Derivative(values / units, errors / units)


def hessian(
    function: Scalar, point: np.ndarray, units: np.ndarray, *, advance: Advance = lambda: None
) -> Derivative:
    """Compute second derivatives of a scalar function, shape (size, size).

    Entries off the diagonal follow from second derivatives along sums of two coordinates,
    2 f_ij = f''(e_i + e_j) - f_ii - f_jj.

    Parameters
    ----------
    function : callable
    point, units
        As in `gradient`.
    advance : callable
        Called after each direction, `hessian_directions` times in all.
    """
    value_at_point, size = function(point), len(point)
    axes = np.diag(units)
    values, errors = np.zeros((size, size)), np.zeros((size, size))

    def along(direction: np.ndarray) -> Derivative:
        found = second_derivative(lambda t: function(point + t * direction), value_at_point)
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


def hessian_directions(size: int) -> int:
    """Count the directions along which `hessian` differentiates a function of `size` numbers."""
    return size * (size + 1) // 2


def mixed_derivatives(
    function: Callable[[np.ndarray, np.ndarray], float],
    point: np.ndarray,
    units: np.ndarray,
    *,
    advance: Advance = lambda: None,
) -> Derivative:
    """Compute mixed second derivatives ∂²f(a, b) / ∂a ∂bᵀ at a = b = `point`, shape (size, size).

    Parameters
    ----------
    function : callable
        ``function(a, b)``. For each b it is evaluated at all values of a in succession, so that
        work which depends on b alone, such as an E step, can be done once.
    point, units
        As in `gradient`, for both arguments.
    advance : callable
        Called after each coordinate of b.
    """
    axes = np.diag(units)
    if not len(point):
        return Derivative(axes, axes)

    def column(axis: np.ndarray) -> Derivative:
        def difference(step: float) -> tuple[np.ndarray, np.ndarray]:
            values = np.array(
                [
                    [[function(point + s * step * row, b) for row in axes] for s in (1.0, -1.0)]
                    for b in (point + step * axis, point - step * axis)
                ]
            )
            # Named by the signs of the steps in a and in b.
            (plus_plus, minus_plus), (plus_minus, minus_minus) = values
            rounding = 2 * _MACHINE_EPSILON * np.abs(values).sum(axis=(0, 1)) / (4 * step**2)
            return (
                ((plus_plus - minus_plus) - (plus_minus - minus_minus)) / (4 * step**2),
                rounding,
            )

        found = _extrapolate(difference, _LONGEST_STEP_UNITS, _STEP_COUNT)
        advance()
        return found

    values, errors = (np.stack(p, axis=-1) for p in zip(*map(column, axes), strict=True))
    scale = np.outer(units, units)
    return Derivative(values / scale, errors / scale)


def _extrapolate(
    difference: Callable[[float], tuple[np.ndarray, np.ndarray]],
    longest_step: float,
    step_count: int,
) -> Derivative:
    """Extrapolate difference quotients by Ridders' method, entry by entry.

    Parameters
    ----------
    difference : callable
        From a step to the difference quotient and the rounding error of its terms.
    longest_step : float
    step_count : int
    """
    row: list[np.ndarray] = []
    row_rounding: list[np.ndarray] = []
    step = longest_step
    value, rounding = difference(step)
    for _ in range(_MAX_INITIAL_HALVINGS):
        if np.isfinite(value).all():
            break
        step /= 2
        value, rounding = difference(step)
    best, least_error = np.full(np.shape(value), np.nan), np.full(np.shape(value), np.inf)
    for level in range(step_count):
        previous, previous_rounding = row, row_rounding
        if level:
            value, rounding = difference(step / 2**level)
        row, row_rounding = [value], [rounding]
        for order in range(1, level + 1):
            factor = 4.0**order
            shorter, longer = row[-1], previous[order - 1]
            row.append((factor * shorter - longer) / (factor - 1))
            row_rounding.append(
                (factor * row_rounding[-1] + previous_rounding[order - 1]) / (factor - 1)
            )
            change = np.maximum(np.abs(row[-1] - shorter), np.abs(row[-1] - longer))
            error = np.maximum(change, row_rounding[-1])
            better = np.isfinite(error) & (error < least_error)
            best = np.where(better, row[-1], best)
            least_error = np.where(better, error, least_error)
    return Derivative(best, least_error)

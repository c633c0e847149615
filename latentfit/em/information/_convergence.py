"""EM's rate of convergence, and what it says about missing information.

Close to its fixed point EM multiplies the error of the parameters by DM = I_c⁻¹ I_m, where I_c is
the complete-data and I_m the missing information. The eigenvalues of DM are real and lie between 0
and 1: they are the fractions of missing information of the linear combinations of parameters in its
eigenvectors. After many iterations the error along the eigenvector with the largest eigenvalue
dominates, and this eigenvalue is the *rate of convergence* (Dempster, Laird & Rubin 1977, theorem
4; Meng & Rubin 1991). It does not depend on the scale of the parameters, and is computed from the
EM map alone.

If the rate that a run of EM showed equals this rate, the run lasted until the slowest combination
of parameters dominated. Where a parameter converges to a bound of its range, such as a probability
that tends to zero, the run also shows the rate of that parameter, and the larger rate prevails.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.em.information._em_functions import EMMap
from latentfit.em.information._entries import entry_labels, flat
from latentfit.em.information._free_scale import FreeScale
from latentfit.em.information._on_free_scale import em_map_on_free_scale, require_finite
from latentfit.em.information._progress import OnStep, step_counter
from latentfit.em.information._transforms import Kind
from latentfit.em.information.differences import jacobian
from latentfit.errors import InputError

# The map alone does not give the length over which it is close to linear, as the curvature of a
# log-likelihood does. Steps therefore start at a twentieth of a unit, and more of them are taken.
_LONGEST_STEP_UNITS = 0.05
_STEP_COUNT = 9
# Absolute tolerance for eigenvalues, in addition to the error of finite differences.
_EIGENVALUE_TOLERANCE = 1e-7
# Step along the slowest combination, free scale, for its derivative on the natural scale.
_SLOWEST_STEP = 1e-5
# Entries that move by less than this share of the one that moves most are not listed.
_LISTED_MOVE_RELATIVE = 1e-3


@dataclass(frozen=True)
class Convergence:
    """The derivative of the EM map at its fixed point.

    Attributes
    ----------
    rate : float
        Rate of convergence: the largest eigenvalue, which is the largest fraction of missing
        information of any linear combination of parameters. It is 1 where a direction is not
        identified, or a scale tends to zero.
    fractions : ndarray, shape (size,)
        Real parts of all eigenvalues, in decreasing order.
    slowest : dict of float
        The combination of parameters that converges most slowly: derivatives of the entries on the
        natural scale along an eigenvector whose length on the free scale is 1, by label, in
        decreasing order of size. Entries that hardly move are left out.
    run_rate : float
        The rate that a run of EM showed; NaN if unknown.
    derivative : ndarray, shape (size, size)
        ∂M_i/∂φ_j on the free scale.
    error : float
        Estimated absolute error of the least precise entry of the derivative.
    problem : str
        Why these are not eigenvalues of an EM map at a maximum; empty if they are.
    """

    rate: float
    fractions: np.ndarray
    slowest: Mapping[str, float]
    run_rate: float
    derivative: np.ndarray
    error: float
    problem: str = ""

    def __repr__(self) -> str:
        lines = [f"Convergence: rate {self.rate:.6g}"]
        if not math.isnan(self.run_rate):
            lines[0] += f", rate of a run of EM {self.run_rate:.6g}"
        fractions = ", ".join(f"{value:.4g}" for value in self.fractions)
        lines.append(f"  fractions of missing information  {fractions}")
        slowest = ", ".join(f"{label} ({move:+.2g})" for label, move in self.slowest.items())
        lines.append(f"  slowest combination  {slowest}")
        return "\n".join([*lines, f"  {self.problem}"] if self.problem else lines)


def convergence(
    em_map: EMMap,
    params: Mapping[str, Any],
    *,
    run_rate: float = math.nan,
    sizes: Mapping[str, float] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> Convergence:
    """Compute the rate of convergence and fractions of missing information from the EM map.

    Parameters
    ----------
    em_map : callable
        ``em_map(params)``, one iteration of EM.
    params : mapping
        ``{name: array_like}``, natural scale: a fixed point of the map.
    run_rate : float
        The rate that a run of EM showed, `Solution.rate`, for comparison.
    sizes : mapping, optional
        For arrays without constraints, by name: a length over which the map may be far from
        linear, such as a standard deviation of the data. The default is the range of the array's
        entries; if that is zero, their size; if that is zero as well, 1.
    kinds : mapping, optional
        Constraints of arrays by name, as in `FreeScale.of`.
    on_step : callable, optional
        ``on_step(done, total)`` after each of p steps, for p degrees of freedom.

    Raises
    ------
    InputError
        The map is not finite at `params`; every parameter is at a bound of its range; `sizes` has
        an unknown name; or as in `FreeScale.of`.
    StepError, DeclarationError
        As in `em.run`.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    if not len(point):
        raise InputError(
            "every parameter is at a bound of its range: EM has no parameter left that converges"
        )
    iteration = em_map_on_free_scale(scale, em_map)
    require_finite(iteration(point), "the EM map")
    units = _units(scale, params, sizes or {})
    found = jacobian(
        iteration,
        point,
        units,
        longest_step=_LONGEST_STEP_UNITS,
        step_count=_STEP_COUNT,
        advance=step_counter(on_step, len(point)),
    )
    # The eigenvalues do not depend on the units, in which entries are of comparable size.
    derivative = found.value * units / units[:, None]
    error = float(np.max(found.error * units / units[:, None]))
    if not np.isfinite(derivative).all():
        unknown = np.full(len(point), np.nan)
        problem = "the EM map is not defined at some params close to these"
        return Convergence(np.nan, unknown, {}, run_rate, found.value, np.inf, problem)
    values, vectors = np.linalg.eig(derivative)
    order = np.argsort(-values.real)
    values, vectors = values[order], vectors[:, order]
    slowest = np.real(vectors[:, 0]) * units
    problem = _problem(values, error, float(np.linalg.cond(vectors)))
    return Convergence(
        float(values[0].real),
        values.real,
        _natural_moves(scale, point, slowest),
        run_rate,
        found.value,
        error,
        problem,
    )


def _units(scale: FreeScale, params: Mapping[str, Any], sizes: Mapping[str, float]) -> np.ndarray:
    """Return 1 for coordinates that are logarithms or log-odds, and a length for others."""
    for name in sizes:
        if name not in scale.layout.shapes:
            known = ", ".join(scale.layout.shapes)
            raise InputError(f"sizes names {name!r}; the parameters are {known}")
    units = np.ones(len(scale.bounded))
    begin = 0
    for (name, kind), bounded in zip(scale.kinds.items(), scale.bounded_by_array, strict=True):
        end = begin + len(bounded)
        array = np.asarray(params[name], dtype=float)
        if kind == "real":
            default = float(np.ptp(array)) or float(np.max(np.abs(array))) or 1.0
            units[begin:end] = sizes.get(name, default)
        elif kind == "covariance":
            # For entries of the Cholesky factor below the diagonal: the largest standard deviation.
            deviation = np.sqrt(np.diagonal(array, axis1=-2, axis2=-1).max())
            units[begin:end] = np.where(bounded, 1.0, deviation)
        begin = end
    return units


def _natural_moves(scale: FreeScale, point: np.ndarray, direction: np.ndarray) -> dict[str, float]:
    """Return derivatives of entries along a direction of the free scale, by label."""
    ahead = flat(scale.params(point + _SLOWEST_STEP * direction))
    behind = flat(scale.params(point - _SLOWEST_STEP * direction))
    moves = ahead - behind
    moves = moves / (2 * _SLOWEST_STEP)
    if moves[np.argmax(np.abs(moves))] < 0:
        moves = -moves
    labels = entry_labels(scale.params(point))
    least = _LISTED_MOVE_RELATIVE * np.max(np.abs(moves))
    return {labels[i]: float(moves[i]) for i in np.argsort(-np.abs(moves)) if abs(moves[i]) > least}


def _problem(values: np.ndarray, error: float, condition: float) -> str:
    tolerance = _EIGENVALUE_TOLERANCE + error * len(values) * condition
    if np.max(np.abs(values.imag)) > tolerance:
        return (
            "the derivative of the map has eigenvalues that are not real, and those of an EM map "
            "are real: the E step and the M step do not belong to the same model"
        )
    largest, least = float(values.real.max()), float(values.real.min())
    if largest > 1 + tolerance:
        return f"not a maximum: EM diverges from these params, at rate {largest:.4g}"
    if largest >= 1 - tolerance:
        others = values.real[values.real < 1 - tolerance]
        elsewhere = (
            f". In the other directions the rate is {others.max():.4g}" if others.size else ""
        )
        return (
            f"rate 1: there is an unidentified direction, or a parameter tends to a bound of its "
            f"range{elsewhere}"
        )
    if least < -tolerance:
        return (
            f"the derivative of the map has the eigenvalue {least:.3g}, but fractions of missing "
            f"information are not negative: the M step goes beyond the maximum of Q"
        )
    return ""

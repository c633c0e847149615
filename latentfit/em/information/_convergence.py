"""How fast EM converges, and what that says of the information that is missing.

Close to its fixed point EM multiplies the error by DM = I_c⁻¹ I_m, whose eigenvalues are the
fractions of information missing on the combinations of parameters that are its eigenvectors: real
and between 0 and 1. In the long run the slowest is what is left, and the largest eigenvalue is the
*rate of convergence* (Dempster, Laird & Rubin 1977, theorem 4; Meng & Rubin 1991). It does not
depend on the scale, and takes nothing but the map.

That the rate which a run of EM showed is this one says that the run went on until the slowest
combination had settled. Where a parameter is held at an end of its range, such as a probability
that tends to zero, the run has the rate of that as well, and the larger one is seen.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.em.information._differences import jacobian
from latentfit.em.information._functions import Map, OnStep, counted, finite, map_on
from latentfit.em.information._result import every_label, flat
from latentfit.em.information._scale import FreeScale, Kind
from latentfit.errors import InputError

# Of the map alone the scale of its bends is not known: from a twentieth of a unit downwards.
_LONGEST = 0.05
_LEVELS = 9
# Eigenvalues are those of EM within this, or within the error of the differences.
_ROUND = 1e-7


@dataclass(frozen=True)
class Convergence:
    """The derivative of the EM map at its fixed point.

    Attributes
    ----------
    rate : float
        Rate of convergence: its largest eigenvalue, and the largest fraction of missing
        information of any combination of parameters. 1 where there is a ridge, or where a scale
        tends to zero.
    fractions : ndarray, shape (size,)
        All its eigenvalues, largest first.
    slowest : dict of float
        By how much each entry moves, natural scale, along the slowest combination, which has
        length 1 on the free scale; the largest first, and only what moves.
    observed : float
        The rate that a run of EM showed; NaN if unknown.
    derivative : ndarray, shape (size, size)
        Free scale, ∂M_i/∂φ_j.
    error : float
        Estimated error of the largest entry.
    problem : str
        Empty where the eigenvalues are such as EM's can be.
    """

    rate: float
    fractions: np.ndarray
    slowest: Mapping[str, float]
    observed: float
    derivative: np.ndarray
    error: float
    problem: str = ""

    def __repr__(self) -> str:
        lines = [f"Convergence: rate {self.rate:.6g}"]
        if not math.isnan(self.observed):
            lines[0] += f", a run of EM showed {self.observed:.6g}"
        every = ", ".join(f"{value:.4g}" for value in self.fractions)
        lines.append(f"  fractions of missing information  {every}")
        ahead = ", ".join(f"{label} ({move:+.2g})" for label, move in self.slowest.items())
        lines.append(f"  slowest along  {ahead}")
        return "\n".join([*lines, f"  {self.problem}"] if self.problem else lines)


def convergence(
    em_map: Map,
    params: Mapping[str, Any],
    *,
    observed: float = math.nan,
    sizes: Mapping[str, float] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> Convergence:
    """Rate of convergence and fractions of missing information, from the EM map alone.

    Parameters
    ----------
    em_map : callable
        ``em_map(params)``, one iteration of EM.
    params : mapping
        ``{name: array_like}``, natural scale: a fixed point of the map.
    observed : float
        The rate that a run showed, `Solution.rate`.
    sizes : mapping, optional
        For arrays without constraints, over what distance the map may bend: a standard deviation
        of the data is one. By default the spread of the entries, or their size, or 1.
    kinds, on_step
        As in `observed`.

    Raises
    ------
    InputError
        The map is not finite at `params`; every parameter lies at an end of its range; or as in
        `FreeScale.of`.
    StepError, DeclarationError
        As in `em.run`.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    if not len(point):
        raise InputError("every parameter lies at an end of its range: nothing is left to converge")
    move = map_on(scale, em_map)
    finite(move(point), "the EM map")
    units = _units(scale, params, sizes or {})
    found = jacobian(
        move,
        point,
        units,
        longest=_LONGEST,
        levels=_LEVELS,
        advance=counted(on_step, len(point)),
    )
    # In these units no coordinate outweighs another, and the eigenvalues are the same.
    derivative = found.value * units / units[:, None]
    error = float(np.max(found.error * units / units[:, None]))
    if not np.isfinite(derivative).all():
        nothing = np.full(len(point), np.nan)
        problem = "the EM map is not defined close to these params"
        return Convergence(np.nan, nothing, {}, observed, found.value, np.inf, problem)
    values, vectors = np.linalg.eig(derivative)
    order = np.argsort(-values.real)
    values, vectors = values[order], vectors[:, order]
    slow = np.real(vectors[:, 0]) * units
    problem = _problem(values, error, float(np.linalg.cond(vectors)))
    return Convergence(
        float(values[0].real),
        values.real,
        _moves(scale, point, slow),
        observed,
        found.value,
        error,
        problem,
    )


def _units(scale: FreeScale, params: Mapping[str, Any], sizes: Mapping[str, float]) -> np.ndarray:
    """One for what has none, and for the others a size."""
    for name in sizes:
        if name not in scale.layout.shapes:
            known = ", ".join(scale.layout.shapes)
            raise InputError(f"sizes names {name!r}; the parameters are {known}")
    units = np.ones(len(scale.bounded))
    begin = 0
    for (name, kind), bounded in zip(scale.kinds.items(), scale.parts, strict=True):
        end = begin + len(bounded)
        array = np.asarray(params[name], dtype=float)
        if kind == "real":
            spread = float(np.ptp(array)) or float(np.max(np.abs(array))) or 1.0
            units[begin:end] = sizes.get(name, spread)
        elif kind == "covariance":
            # Of the factor's entries below the diagonal.
            own = np.sqrt(np.diagonal(array, axis1=-2, axis2=-1).max())
            units[begin:end] = np.where(bounded, 1.0, own)
        begin = end
    return units


def _moves(scale: FreeScale, point: np.ndarray, slow: np.ndarray) -> dict[str, float]:
    there = flat(scale.params(point + 1e-5 * slow)) - flat(scale.params(point - 1e-5 * slow))
    there = there / 2e-5
    if there[np.argmax(np.abs(there))] < 0:
        there = -there
    labels = every_label(scale.params(point))
    least = 1e-3 * np.max(np.abs(there))
    return {labels[i]: float(there[i]) for i in np.argsort(-np.abs(there)) if abs(there[i]) > least}


def _problem(values: np.ndarray, error: float, condition: float) -> str:
    slack = _ROUND + error * len(values) * condition
    if np.max(np.abs(values.imag)) > slack:
        return (
            "eigenvalues of the map's derivative are not real: it is not EM's, whose E step and "
            "M step belong together"
        )
    largest, least = float(values.real.max()), float(values.real.min())
    if largest > 1 + slack:
        return f"not a maximum: EM moves away from here, at rate {largest:.4g}"
    if largest >= 1 - slack:
        rest = values.real[values.real < 1 - slack]
        off = f"; off it the rate is {rest.max():.4g}" if rest.size else ""
        return (
            f"rate 1: there is a ridge, along which parameters are not identified, or one of them "
            f"is on its way to an end of its range{off}"
        )
    if least < -slack:
        return (
            f"an eigenvalue is {least:.3g}, and a fraction of information is no less than 0: the "
            f"M step goes further than the maximum of Q"
        )
    return ""

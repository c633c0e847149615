"""Supplemented EM (Meng & Rubin 1991, J. American Statistical Association 86(416), 899-909).

EM is a map φ → M(φ), and at its fixed point its derivative is the share of the information that is
missing. For M(φ') is where Q(· | φ') has no slope; differentiate that in φ' and

    DM = I_c⁻¹ I_m,      hence   I = I_c - I_m = I_c (I - DM),   V = (I - DM)⁻¹ I_c⁻¹

with I_c the complete-data information, I_m the missing one and DM_ij = ∂M_i/∂φ_j (Dempster, Laird &
Rubin 1977, theorem 4; the paper's DM is the transpose of this one).

The paper finds DM along EM's own way, as ratios of errors that shrink until they settle, to about
half the digits to which the fixed point is known. Here M is differentiated at the fixed point by
central differences with extrapolation, as Jamshidian & Jennrich (2000, J. R. Statist. Soc. B 62(2),
257-270) advise: to ten digits or so, and without a run that has to be kept.

What it needs is the map, E step and M step as they are, and I_c. The map alone does not do: if
W⁻¹ Λ W is DM taken apart by its eigenvalues, all different, every I_c = Wᵀ D W with a positive
diagonal D goes with it, so that DM settles I_c but for as many numbers as there are parameters.
What it does settle is how fast EM converges (`convergence`). Here I_c comes from Q in its first
argument, the expected complete-data log-likelihood as a function of what the E step returns. As
I_c DM = I_m is symmetric, what it lacks in that is a measure of error; a large one says that Q and
the map do not belong together, or that the M step does not maximise.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from latentfit.em.information._covariance import standard_errors
from latentfit.em.information._differences import (
    Derivative,
    curvature_units,
    hessian,
    hessian_steps,
    jacobian,
)
from latentfit.em.information._functions import Map, OnStep, Q, counted, finite, map_on, q_on
from latentfit.em.information._result import StandardErrors
from latentfit.em.information._scale import FreeScale, Kind

# Of the missing information, relative: more asymmetry than differences leave.
_ASYMMETRIC = 1e-3


def supplemented(
    em_map: Map,
    q: Q,
    params: Mapping[str, Any],
    *,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Standard errors from the derivative of the EM map and the complete-data information.

    Parameters
    ----------
    em_map : callable
        ``em_map(params)``, one iteration of EM; `latentfit.em.information.em_map` makes it of an
        E step and an M step.
    q : callable
        ``q(params, given)``, as in `oakes`; only ever asked with `given` at `params`.
    params : mapping
        ``{name: array_like}``, natural scale: a fixed point of the map.
    kinds, on_step
        As in `observed`.

    Returns
    -------
    StandardErrors
        With fractions of missing information.

    Raises
    ------
    InputError, StepError
        As in `observed`, of `q` and the map.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    value, move = q_on(scale, q), map_on(scale, em_map)
    image = move(point)
    finite(value(point, point), "q")
    finite(image, "the EM map")
    own = lambda where: value(where, point)  # noqa: E731
    units = curvature_units(own, point, scale.bounded)
    advance = counted(on_step, hessian_steps(len(point)) + len(point))
    bend = hessian(own, point, units, advance=advance)
    slopes = jacobian(move, point, units, advance=advance)
    complete = Derivative(-bend.value, bend.error)
    information, notes = supplemented_information(complete, slopes)
    # Close to its maximum Q is a parabola: a step of EM is I_c⁻¹ times the score.
    score = complete.value @ (image - point)
    return standard_errors("supplemented", scale, point, information, score, complete.value, notes)


def supplemented_information(
    complete: Derivative, slopes: Derivative
) -> tuple[Derivative, tuple[str, ...]]:
    """I_c (I - DM), symmetric; and a note where I_c DM is anything but symmetric."""
    missing = complete.value @ slopes.value
    asymmetry = np.abs(missing - missing.T) / 2
    error = complete.error + np.abs(complete.value) @ slopes.error
    error = error + complete.error @ np.abs(slopes.value)
    error = np.maximum((error + error.T) / 2, asymmetry)
    information = Derivative(complete.value - (missing + missing.T) / 2, error)
    size = np.sqrt(np.abs(np.diag(complete.value)))
    uneven = float(np.max(asymmetry / np.outer(size, size), initial=0.0))
    if not uneven > _ASYMMETRIC:
        return information, ()
    return information, (
        f"the missing information that EM's map implies is not symmetric (by {uneven:.1g}): the M "
        f"step does not maximise this Q, or the E step is not its expectation",
    )

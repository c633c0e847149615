"""Supplemented EM (Meng & Rubin 1991, J. American Statistical Association 86(416), 899-909).

EM is a map φ → M(φ). M(φ') maximises Q(· | φ'), so ∂Q(φ | φ') / ∂φ is zero at φ = M(φ').
Differentiating this with respect to φ' at the fixed point gives

    DM = I_c⁻¹ I_m,      hence   I = I_c - I_m = I_c (I - DM),   V = (I - DM)⁻¹ I_c⁻¹

with I_c the complete-data and I_m the missing information, and DM_ij = ∂M_i/∂φ_j (Dempster, Laird
& Rubin 1977, theorem 4; the DM of Meng and Rubin is the transpose of this one).

Meng and Rubin estimate DM from the iterates of EM, as ratios of errors, to about half as many
digits as the fixed point is known to. Here M is differentiated at the fixed point by extrapolated
central differences, as Jamshidian & Jennrich (2000, J. R. Statist. Soc. B 62(2), 257-270)
recommend, to about ten digits and without a stored run.

The method needs the EM map and I_c. The map alone does not suffice: if DM = W⁻¹ Λ W with distinct
eigenvalues, then every I_c = Wᵀ D W with a positive diagonal matrix D makes I_c DM symmetric and is
compatible with DM. (The map alone determines how fast EM converges, see `convergence`.) Here I_c
comes from Q in its first argument, the expected complete-data log-likelihood as a function of what
the E step returns. The matrix I_c DM = I_m is symmetric, so that its asymmetry measures the error.
A large asymmetry shows that Q and the map do not belong to the same model, or that the M step does
not maximise Q.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from latentfit.em.information._delta_method import errors_from_information
from latentfit.em.information._em_functions import EMMap, Q
from latentfit.em.information._free_scale import FreeScale
from latentfit.em.information._on_free_scale import (
    em_map_on_free_scale,
    q_on_free_scale,
    require_finite,
)
from latentfit.em.information._progress import OnStep, step_counter
from latentfit.em.information._standard_errors import StandardErrors
from latentfit.em.information._transforms import Kind
from latentfit.em.information.differences import Derivative, hessian, hessian_directions, jacobian
from latentfit.em.information.step_units import curvature_units

# Asymmetry of the missing information, relative to the complete-data information, that finite
# differences alone do not explain.
_ASYMMETRY_RELATIVE = 1e-3


def supplemented(
    em_map: EMMap,
    q: Q,
    params: Mapping[str, Any],
    *,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Compute standard errors from the derivative of the EM map and Q.

    Parameters
    ----------
    em_map : callable
        ``em_map(params)``, one iteration of EM; `latentfit.em.information.em_map` makes it of an
        E step and an M step.
    q : callable
        ``q(params, given)``, as in `oakes`. It is evaluated with `given` equal to `params` only.
    params : mapping
        ``{name: array_like}``, natural scale: a fixed point of the map.
    kinds : mapping, optional
        Constraints of arrays by name, as in `FreeScale.of`.
    on_step : callable, optional
        ``on_step(done, total)`` after each of p (p + 1) / 2 + p steps, for p degrees of freedom.

    Returns
    -------
    StandardErrors
        With fractions of missing information.

    Raises
    ------
    InputError, StepError
        As in `observed`, with `q` and the map in place of the log-likelihood.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    value, iteration = q_on_free_scale(scale, q), em_map_on_free_scale(scale, em_map)
    image = iteration(point)
    require_finite(value(point, point), "q")
    require_finite(image, "the EM map")
    q_given_point = lambda where: value(where, point)  # noqa: E731
    units = curvature_units(q_given_point, point, scale.bounded)
    advance = step_counter(on_step, hessian_directions(len(point)) + len(point))
    second = hessian(q_given_point, point, units, advance=advance)
    map_derivative = jacobian(iteration, point, units, advance=advance)
    complete = Derivative(-second.value, second.error)
    information, notes = supplemented_information(complete, map_derivative)
    # Close to its maximum Q is quadratic, and a step of EM is I_c⁻¹ times the score.
    score = complete.value @ (image - point)
    return errors_from_information(
        "supplemented", scale, point, information, score, complete.value, notes
    )


def supplemented_information(
    complete: Derivative, map_derivative: Derivative
) -> tuple[Derivative, tuple[str, ...]]:
    """Compute the observed information I_c (I - DM), shape (size, size), and notes.

    The symmetric part is used, and the asymmetry counts as error. A large asymmetry leads to a
    note.

    Parameters
    ----------
    complete : Derivative
        Complete-data information I_c, shape (size, size).
    map_derivative : Derivative
        DM, the derivative of the EM map on the free scale, shape (size, size).
    """
    missing = complete.value @ map_derivative.value
    asymmetry = np.abs(missing - missing.T) / 2
    error = complete.error + np.abs(complete.value) @ map_derivative.error
    error = error + complete.error @ np.abs(map_derivative.value)
    error = np.maximum((error + error.T) / 2, asymmetry)
    information = Derivative(complete.value - (missing + missing.T) / 2, error)
    size = np.sqrt(np.abs(np.diag(complete.value)))
    relative = float(np.max(asymmetry / np.outer(size, size), initial=0.0))
    if not relative > _ASYMMETRY_RELATIVE:
        return information, ()
    return information, (
        f"the missing information from the EM map is not symmetric (relative asymmetry "
        f"{relative:.1g}): the M step does not maximise this Q, or the E step does not compute the "
        f"expectations in it",
    )

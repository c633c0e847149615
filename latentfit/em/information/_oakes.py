"""The observed information from Q (Oakes 1999, J. R. Statist. Soc. B 61(2), 479-482).

By Fisher's identity the score, ∂ log p(x | φ) / ∂φ, equals ∂Q(φ | φ') / ∂φ at φ' = φ.
Differentiated once more with respect to φ, which now stands in both arguments of Q, this is

    ∂² log p(x | φ) / ∂φ ∂φᵀ = { ∂² Q(φ | φ') / ∂φ ∂φᵀ + ∂² Q(φ | φ') / ∂φ ∂φ'ᵀ } at φ' = φ

The first term is minus the complete-data information I_c and the second is the missing information
I_m, so that I = I_c - I_m as in Louis (1982), without the conditional variance of the score that
Louis's formula needs. The identity holds at every φ, not only at a maximum.

The method needs Q as a function of both arguments: the E step, and the expected complete-data
log-likelihood as a function of what the E step returns. It needs neither the M step nor
log p(x | θ). The matrix I_m is symmetric, so that the asymmetry of its finite differences measures
their error. It also reveals an E step that does not return the conditional expectations in Q.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from latentfit.em.information._delta_method import errors_from_information
from latentfit.em.information._em_functions import Q
from latentfit.em.information._free_scale import FreeScale
from latentfit.em.information._on_free_scale import q_on_free_scale, require_finite
from latentfit.em.information._progress import OnStep, step_counter
from latentfit.em.information._standard_errors import StandardErrors
from latentfit.em.information._transforms import Kind
from latentfit.em.information.differences import (
    Derivative,
    gradient,
    hessian,
    hessian_directions,
    mixed_derivatives,
)
from latentfit.em.information.step_units import curvature_units


def oakes(
    q: Q,
    params: Mapping[str, Any],
    *,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Compute standard errors from second derivatives of Q in both of its arguments.

    Parameters
    ----------
    q : callable
        ``q(params, given)``, Q(θ | θ') up to a term that does not depend on θ. `q_function` makes
        it of an E step and an expected complete-data log-likelihood.
    params : mapping
        ``{name: array_like}``, natural scale: EM's estimates.
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
        As in `observed`, with `q` in place of the log-likelihood.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    value = q_on_free_scale(scale, q)
    require_finite(value(point, point), "q")
    q_given_point = lambda where: value(where, point)  # noqa: E731
    units = curvature_units(q_given_point, point, scale.bounded)
    advance = step_counter(on_step, hessian_directions(len(point)) + len(point))
    second = hessian(q_given_point, point, units, advance=advance)
    mixed = mixed_derivatives(value, point, units, advance=advance)
    score = gradient(q_given_point, point, units)
    information = oakes_information(Derivative(-second.value, second.error), mixed)
    return errors_from_information("oakes", scale, point, information, score.value, -second.value)


def oakes_information(complete: Derivative, mixed: Derivative) -> Derivative:
    """Compute the observed information by Oakes's formula, shape (size, size).

    Parameters
    ----------
    complete : Derivative
        Complete-data information, shape (size, size).
    mixed : Derivative
        ∂² Q(φ | φ') / ∂φ ∂φ'ᵀ at φ' = φ, shape (size, size). Its symmetric part is used, and its
        asymmetry counts as error.
    """
    missing = (mixed.value + mixed.value.T) / 2
    asymmetry = np.abs(mixed.value - mixed.value.T) / 2
    error = complete.error + np.maximum(asymmetry, np.maximum(mixed.error, mixed.error.T))
    return Derivative(complete.value - missing, error)

"""The observed information from Q alone (Oakes 1999, J. R. Statist. Soc. B 61(2), 479-482).

By Fisher's identity the slope of the log-likelihood is that of Q in its first argument, where both
are the same. Differentiate ∂Q(φ | φ') / ∂φ at φ' = φ once more, through both arguments, and

    ∂² log p(x | φ) / ∂φ ∂φᵀ = { ∂² Q(φ | φ') / ∂φ ∂φᵀ + ∂² Q(φ | φ') / ∂φ ∂φ'ᵀ } at φ' = φ

follows. The first term is minus the complete-data information I_c, the second is the
information I_m that is missing, so that it is I_c - I_m again (Louis 1982, of which Oakes removes
the need for the conditional variance of the score). It holds at any φ, not at a maximum alone.

What it needs is Q as a function of both its arguments: the E step, and the expected complete-data
log-likelihood as a function of what the E step returns. Not needed are the M step or log p(x | θ).
I_m is symmetric, and that the differences are so too is a measure of their error. An E step that is
not the conditional expectation of q's statistics shows here as well.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em.information._covariance import standard_errors
from latentfit.em.information._differences import (
    Advance,
    Derivative,
    curvature_units,
    gradient,
    hessian,
    hessian_steps,
    jacobian,
    mixed,
)
from latentfit.em.information._functions import OnStep, Q, counted, finite, q_on
from latentfit.em.information._result import StandardErrors
from latentfit.em.information._scale import FreeScale, Kind


def oakes(
    q: Q,
    params: Mapping[str, Any],
    *,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Standard errors from second derivatives of Q.

    Parameters
    ----------
    q : callable
        ``q(params, given)``, Q(θ | θ') up to a term that does not depend on θ; `expected` makes
        one of an E step.
    params : mapping
        ``{name: array_like}``, natural scale: where EM ended.
    kinds, on_step
        As in `observed`.

    Returns
    -------
    StandardErrors
        With fractions of missing information.

    Raises
    ------
    InputError, StepError
        As in `observed`, of `q`.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    value = q_on(scale, q)
    finite(value(point, point), "q")
    own = lambda where: value(where, point)  # noqa: E731
    units = curvature_units(own, point, scale.bounded)
    advance = counted(on_step, hessian_steps(len(point)) + len(point))
    bend = hessian(own, point, units, advance=advance)
    cross = mixed(value, point, units, advance=advance)
    score = gradient(own, point, units)
    information = oakes_information(Derivative(-bend.value, bend.error), cross)
    return standard_errors("oakes", scale, point, information, score.value, -bend.value)


def oakes_information(complete: Derivative, cross: Derivative) -> Derivative:
    """I_c - I_m; what I_m lacks in symmetry counts as error."""
    missing = (cross.value + cross.value.T) / 2
    asymmetry = np.abs(cross.value - cross.value.T) / 2
    error = complete.error + np.maximum(asymmetry, np.maximum(cross.error, cross.error.T))
    return Derivative(complete.value - missing, error)


def cross_of_gradient(
    slope: Callable[[np.ndarray], np.ndarray],
    point: np.ndarray,
    units: np.ndarray,
    advance: Advance = lambda: None,
) -> Derivative:
    """∂² Q(φ | φ') / ∂φ ∂φ'ᵀ where ∂Q/∂φ is known, from φ' to its value at φ = `point`."""
    return jacobian(slope, point, units, advance=advance)

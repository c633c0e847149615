"""The observed information by differentiating the observed-data log-likelihood.

    I(θ) = -∂² log p(x | θ) / ∂θ ∂θᵀ

at the maximum, the inverse of which is the covariance of the estimates in large samples (Efron &
Hinkley 1978, Biometrika 65(3), 457-487, on why this one and not its expectation). It knows nothing
of EM, and so it is the one to hold other routes against. It needs log p(x | θ), which EM itself
does without; and it says nothing of the information that is missing.

Second differences on the free scale, with steps in standard errors, extrapolated
(`latentfit.em.information._differences`): relative errors about 1e-8.
"""

from collections.abc import Mapping
from typing import Any

from latentfit.em.information._covariance import standard_errors
from latentfit.em.information._differences import (
    Derivative,
    curvature_units,
    gradient,
    hessian,
    hessian_steps,
)
from latentfit.em.information._functions import Height, OnStep, counted, finite, height_on
from latentfit.em.information._result import StandardErrors
from latentfit.em.information._scale import FreeScale, Kind


def observed(
    log_likelihood: Height,
    params: Mapping[str, Any],
    *,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Standard errors from the second derivatives of a log-likelihood.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(params)``, log p(x | θ) up to a constant; or whatever EM climbs.
    params : mapping
        ``{name: array_like}``, natural scale: its maximum.
    kinds : mapping, optional
        As `FreeScale.of` takes them.
    on_step : callable, optional
        ``on_step(done, total)``, total being p(p + 1)/2 for p degrees of freedom.

    Returns
    -------
    StandardErrors

    Raises
    ------
    InputError
        The log-likelihood is not finite at `params`, or not a number; or as in `FreeScale.of`.
    StepError
        It raised an error that does not say that a value is out of range.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    height = height_on(scale, log_likelihood, "log_likelihood")
    finite(height(point), "log_likelihood")
    units = curvature_units(height, point, scale.bounded)
    advance = counted(on_step, hessian_steps(len(point)))
    bend = hessian(height, point, units, advance=advance)
    score = gradient(height, point, units)
    information = Derivative(-bend.value, bend.error)
    return standard_errors("observed", scale, point, information, score.value)

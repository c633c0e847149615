"""The observed information: second derivatives of the observed-data log-likelihood.

    I(θ) = -∂² log p(x | θ) / ∂θ ∂θᵀ

At the maximum its inverse is the covariance matrix of the estimates in large samples (Efron &
Hinkley 1978, Biometrika 65(3), 457-487, who show why the observed rather than the expected
information should be used). The method needs log p(x | θ), which EM itself does not evaluate, but
neither the E step nor the M step. It is therefore the reference for the other methods. It does not
give the fraction of missing information.

Derivatives are extrapolated central differences on the free scale
(`latentfit.em.information.differences`), with relative errors of about 1e-8.
"""

from collections.abc import Mapping
from typing import Any

from latentfit.em.information._delta_method import errors_from_information
from latentfit.em.information._free_scale import FreeScale
from latentfit.em.information._on_free_scale import (
    LogDensity,
    log_density_on_free_scale,
    require_finite,
)
from latentfit.em.information._progress import OnStep, step_counter
from latentfit.em.information._standard_errors import StandardErrors
from latentfit.em.information._transforms import Kind
from latentfit.em.information.differences import Derivative, gradient, hessian, hessian_directions
from latentfit.em.information.step_units import curvature_units


def observed(
    log_likelihood: LogDensity,
    params: Mapping[str, Any],
    *,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Compute standard errors from the second derivatives of a log-likelihood.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(params)``, log p(x | θ) up to a constant, or another objective that EM
        maximises, such as log p(x | θ) + log p(θ).
    params : mapping
        ``{name: array_like}``, natural scale: the maximum of the log-likelihood.
    kinds : mapping, optional
        Constraints of arrays by name, as in `FreeScale.of`.
    on_step : callable, optional
        ``on_step(done, total)`` after each of p (p + 1) / 2 steps, for p degrees of freedom.

    Returns
    -------
    StandardErrors

    Raises
    ------
    InputError
        The log-likelihood is not finite at `params`, or returns an array; or as in `FreeScale.of`.
    StepError
        The log-likelihood raised an error other than `ArithmeticError` or `ValueError`, which mean
        that it is not defined at some parameters.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    log_density = log_density_on_free_scale(scale, log_likelihood, "log_likelihood")
    require_finite(log_density(point), "log_likelihood")
    units = curvature_units(log_density, point, scale.bounded)
    advance = step_counter(on_step, hessian_directions(len(point)))
    second = hessian(log_density, point, units, advance=advance)
    score = gradient(log_density, point, units)
    information = Derivative(-second.value, second.error)
    return errors_from_information("observed", scale, point, information, score.value)

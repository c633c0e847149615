"""Functions of parameters on the natural scale as functions of a point on the free scale."""

from collections.abc import Callable
from typing import Any

import numpy as np

from latentfit.em.calls import call
from latentfit.em.information._em_functions import EMMap, Q
from latentfit.em.information._free_scale import FreeScale, ToNatural
from latentfit.em.layout import Params
from latentfit.errors import InputError, StepError

LogDensity = Callable[[Params], float]

# Differentiation evaluates functions at parameters that a run of EM never meets. These are the
# errors by which NumPy and hand-written functions report that a value is outside their domain.
_OUTSIDE_DOMAIN = (ArithmeticError, ValueError)


def log_density_on_free_scale(
    scale: ToNatural, function: LogDensity, name: str
) -> Callable[[np.ndarray], float]:
    """Return a log density as a function of a free point; NaN where it is not defined.

    Parameters
    ----------
    scale : ToNatural
    function : callable
        ``function(params)``, natural scale.
    name : str
        The function's name in error messages.
    """

    def log_density(point: np.ndarray) -> float:
        return _number(lambda: call(function, name, scale.params(point)), name)

    return log_density


def q_on_free_scale(scale: ToNatural, q: Q) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return Q as a function of two free points; NaN where it is not defined."""

    def value(point: np.ndarray, given: np.ndarray) -> float:
        return _number(lambda: call(q, "q", scale.params(point), scale.params(given)), "q")

    return value


def em_map_on_free_scale(scale: FreeScale, em_map: EMMap) -> Callable[[np.ndarray], np.ndarray]:
    """Return the EM map on the free scale; NaN where it is not defined."""

    def iteration(point: np.ndarray) -> np.ndarray:
        try:
            with np.errstate(all="ignore"):
                return scale.point(call(em_map, "the EM map", scale.params(point)))
        except StepError as error:
            if isinstance(_original(error), _OUTSIDE_DOMAIN):
                return np.full(len(point), np.nan)
            raise

    return iteration


def require_finite(value: Any, name: str) -> None:
    """Raise an error unless a function is finite at the params that were given.

    Parameters
    ----------
    value : array_like
        The function's value.
    name : str
        The function's name in the message.

    Raises
    ------
    InputError
        The value is not finite.
    """
    if not np.isfinite(value).all():
        raise InputError(f"{name} is not finite at these params and cannot be differentiated there")


def _number(function: Callable[[], Any], name: str) -> float:
    try:
        with np.errstate(all="ignore"):
            returned = function()
    except StepError as error:
        if isinstance(_original(error), _OUTSIDE_DOMAIN):
            return float("nan")
        raise
    value = np.ma.filled(np.ma.asarray(returned, dtype=float), np.nan)
    if value.size != 1:
        raise InputError(f"{name} returned an array of shape {value.shape}, expected a number")
    return float(value.item())


def _original(error: BaseException) -> BaseException | None:
    """Return the error of a user's function, without those that `call` wrapped around it."""
    cause = error.__cause__
    while isinstance(cause, StepError):
        cause = cause.__cause__
    return cause

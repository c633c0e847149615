"""Functions of natural parameters as functions of a free point."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em.calls import call, three_argument_m_step
from latentfit.em.information._scale import FreeScale, Natural
from latentfit.em.layout import Params
from latentfit.errors import InputError, StepError

Map = Callable[[Params], Mapping[str, Any]]
Height = Callable[[Params], float]
Q = Callable[[Params, Params], float]
OnStep = Callable[[int, int], object]

# Away from where EM went, functions meet values for which they were not made: this is how NumPy and
# its users say so.
_UNDEFINED = (ArithmeticError, ValueError)


def em_map(e_step: Callable[..., Any], m_step: Callable[..., Any], data: Any) -> Map:
    """One iteration of EM, from params to params.

    Parameters
    ----------
    e_step, m_step, data
        As in `em.run`.
    """
    maximise = three_argument_m_step(m_step)

    def iteration(params: Params) -> Mapping[str, Any]:
        expectations = call(e_step, "e_step", params, data)
        return call(maximise, "m_step", expectations, data, params)

    return iteration


def expected(q: Callable[..., float], e_step: Callable[..., Any], data: Any) -> Q:
    """Q(θ | θ') of what an E step returns.

    Parameters
    ----------
    q : callable
        ``q(params, expectations, data)``: the expected complete-data log-likelihood at `params`,
        up to a term that does not depend on them.
    e_step, data
        As in `em.run`. The latest expectations are kept: as long as θ' is the same, the E step
        is not asked again.
    """
    latest: list[tuple[list[bytes], Any]] = []

    def value(params: Params, given: Params) -> float:
        key = [np.asarray(array).tobytes() for array in given.values()]
        if not latest or latest[0][0] != key:
            latest[:] = [(key, call(e_step, "e_step", given, data))]
        return call(q, "q", params, latest[0][1], data)

    return value


def height_on(scale: Natural, function: Height, name: str) -> Callable[[np.ndarray], float]:
    """A number as a function of a free point; NaN where the function is not defined."""

    def height(point: np.ndarray) -> float:
        return _number(lambda: call(function, name, scale.params(point)), name)

    return height


def q_on(scale: Natural, q: Q) -> Callable[[np.ndarray, np.ndarray], float]:
    """Q as a function of two free points; NaN where it is not defined."""

    def value(point: np.ndarray, given: np.ndarray) -> float:
        return _number(lambda: call(q, "q", scale.params(point), scale.params(given)), "q")

    return value


def map_on(scale: FreeScale, function: Map) -> Callable[[np.ndarray], np.ndarray]:
    """The EM map as a function from free points to free points, (size,); NaN likewise."""

    def moved(point: np.ndarray) -> np.ndarray:
        try:
            with np.errstate(all="ignore"):
                return scale.point(call(function, "the EM map", scale.params(point)))
        except StepError as error:
            if isinstance(_origin(error), _UNDEFINED):
                return np.full(len(point), np.nan)
            raise

    return moved


def finite(value: Any, name: str) -> None:
    """Insist that a function is defined at the params that were given.

    Raises
    ------
    InputError
        It is not.
    """
    if not np.isfinite(value).all():
        raise InputError(f"{name} is not finite at these params: there is nothing to differentiate")


def counted(on_step: OnStep | None, total: int) -> Callable[[], None]:
    """A function that counts its calls, and reports them as ``on_step(done, total)``."""
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if on_step is not None:
            on_step(done, total)

    return advance


def _number(function: Callable[[], Any], name: str) -> float:
    try:
        with np.errstate(all="ignore"):
            returned = function()
    except StepError as error:
        if isinstance(_origin(error), _UNDEFINED):
            return float("nan")
        raise
    value = np.ma.filled(np.ma.asarray(returned, dtype=float), np.nan)
    if value.size != 1:
        raise InputError(f"{name} returned an array of shape {value.shape}, expected a number")
    return value.item()


def _origin(error: BaseException) -> BaseException | None:
    """What an error of the user's function was, under the words put around it."""
    cause = error.__cause__
    while isinstance(cause, StepError):
        cause = cause.__cause__
    return cause

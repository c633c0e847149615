"""Calling functions that somebody else wrote, and saying where they went wrong."""

import functools
import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latentfit.errors import DeclarationError, LatentfitError, StepError


def call[T](function: Callable[..., T], name: str, /, *args: Any, **kwargs: Any) -> T:
    """``function(*args, **kwargs)``, where an error says which function raised it and where.

    Parameters
    ----------
    function : callable
    name : str
        What the user calls it: ``"initial"``, ``"model"``, ...
    *args, **kwargs
        Handed to `function`.

    Raises
    ------
    StepError
        `function` raised an error that is not one of latentfit's own; that error is its cause.
    """
    try:
        return function(*args, **kwargs)
    except LatentfitError:
        raise
    except Exception as error:
        raise StepError(_place(error, function, name), step=name) from error


def step_error(
    error: Exception,
    function: Callable[..., Any],
    name: str,
    iteration: int,
    params: Mapping[str, np.ndarray],
) -> StepError:
    """What `call` raises, with the iteration and the parameters with which it began."""
    values = ", ".join(f"{key} = {brief(value)}" for key, value in params.items())
    found = StepError(
        f"{_place(error, function, name)} at iteration {iteration}, with {values}",
        step=name,
        iteration=iteration,
        params=params,
    )
    found.__cause__ = error
    return found


def m_step_of_three(
    m_step: Callable[..., Mapping[str, Any]],
) -> Callable[[Any, Any, Any], Mapping[str, Any]]:
    """The M step as a function of (expectations, data, params), however many it takes.

    Raises
    ------
    DeclarationError
        It takes neither two arguments nor three.
    """
    return _of_three(m_step, "m_step")


def composed(
    statistics: Callable[..., Mapping[str, Any]], m_step: Callable[..., Mapping[str, Any]]
) -> Callable[[Any, Any, Any], Mapping[str, Any]]:
    """The M step from expectations, of one that takes their sums over the units.

    Parameters
    ----------
    statistics : callable
        ``statistics(expectations, data)`` or ``statistics(expectations, data, params)`` returns
        ``{name: array}``, which adds over disjoint parts of the data.
    m_step : callable
        ``m_step(statistics, data)`` or ``m_step(statistics, data, params)``.

    Returns
    -------
    callable
        Of (expectations, data, params). It raises `StepError` where `statistics` does, and
        `DeclarationError` where one of both takes neither two arguments nor three.
    """

    def maximise(expectations: Any, data: Any, params: Any) -> Mapping[str, Any]:
        best = m_step_of_three(m_step)
        return best(sums(statistics, expectations, data, params), data, params)

    return _known_as(m_step, maximise)


def sums(
    statistics: Callable[..., Mapping[str, Any]], expectations: Any, data: Any, params: Any
) -> Mapping[str, Any]:
    """What `statistics` returns, however many arguments it takes.

    Raises
    ------
    StepError
        It raised an error.
    DeclarationError
        It takes neither two arguments nor three, or returns no mapping.
    """
    add = _of_three(statistics, "statistics")
    found = call(add, "statistics", expectations, data, params)
    if not isinstance(found, Mapping):
        kind = "nothing" if found is None else f"a {type(found).__name__}"
        raise DeclarationError(f"statistics returned {kind}, expected a mapping {{name: array}}")
    return found


def _of_three(
    step: Callable[..., Mapping[str, Any]], name: str
) -> Callable[[Any, Any, Any], Mapping[str, Any]]:
    try:
        parameters = list(inspect.signature(step).parameters.values())
    except (TypeError, ValueError):
        return _without_params(step)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return step
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    if len(positional) < 2 or required > 3:
        raise DeclarationError(
            f"{name} takes {required} argument{'' if required == 1 else 's'}; expected "
            f"{name}(expectations, data) or {name}(expectations, data, params)"
        )
    # A third argument with a default is a setting of the author's, unless it is called params.
    if required == 3 or (len(positional) > 2 and positional[2].name == "params"):
        return step
    return _without_params(step)


def _without_params(
    step: Callable[..., Mapping[str, Any]],
) -> Callable[[Any, Any, Any], Mapping[str, Any]]:
    return _known_as(step, lambda expectations, data, params: step(expectations, data))


def _known_as[T: Callable[..., Any]](author: Callable[..., Any], function: T) -> T:
    """`function`, whose errors are looked for in the file of the author's; its own signature."""
    signature = inspect.signature(function)
    function.__wrapped__ = author  # type: ignore[attr-defined]
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def brief(value: Any) -> str:
    """A number or an array on one line, six digits, the middle of long arrays left out."""
    text = np.array2string(np.asarray(value), precision=6, threshold=8, edgeitems=3, separator=", ")
    return " ".join(text.split())


def _place(error: Exception, function: Callable[..., Any], name: str) -> str:
    reason = " ".join(str(error).split())
    said = f"{name} raised {type(error).__name__}{': ' if reason else ''}{reason}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == _file(function)]
    # The first frame is the caller's; where there is no other, the function is not Python.
    last = own[-1] if own else frames[-1] if len(frames) > 1 else None
    return f"{said} ({Path(last.filename).name}, line {last.lineno})" if last else said


def _file(function: Callable[..., Any]) -> str | None:
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None:  # an instance with a method __call__, or not written in Python
        code = getattr(vars(type(function)).get("__call__"), "__code__", None)
    return code.co_filename if code else None

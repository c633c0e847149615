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
    try:
        parameters = list(inspect.signature(m_step).parameters.values())
    except (TypeError, ValueError):
        return lambda expectations, data, params: m_step(expectations, data)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return m_step
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    if len(positional) < 2 or required > 3:
        raise DeclarationError(
            f"m_step takes {required} argument{'' if required == 1 else 's'}; expected "
            f"m_step(expectations, data) or m_step(expectations, data, params)"
        )
    # A third argument with a default is a setting of the author's, unless it is called params.
    if required == 3 or (len(positional) > 2 and positional[2].name == "params"):
        return m_step
    return lambda expectations, data, params: m_step(expectations, data)


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

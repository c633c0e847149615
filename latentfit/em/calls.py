"""Calls of user-supplied functions, with errors that say which function failed and where."""

import functools
import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latentfit.em.layout import label
from latentfit.errors import DeclarationError, LatentfitError, StepError, reason_of
from latentfit.supervision import CallEnded, Timeout


def call[T](function: Callable[..., T], name: str, /, *args: Any, **kwargs: Any) -> T:
    """Call ``function(*args, **kwargs)`` and locate the error if it raises one.

    Parameters
    ----------
    function : callable
    name : str
        The name under which the user knows the function: ``"initial"``, ``"model"``, ...
    *args, **kwargs
        Passed to `function`.

    Raises
    ------
    StepError
        `function` raised an exception that is not one of latentfit's own, ``SystemExit`` included,
        or did not end within its time limit. The message names the function, the file and the
        line; the original exception is the cause.
    """
    try:
        return function(*args, **kwargs)
    except (LatentfitError, KeyboardInterrupt, CallEnded):
        raise
    except Timeout as error:
        raise StepError(str(error), step=name) from error
    except BaseException as error:
        raise StepError(_located(error, function, name), step=name) from error


def step_error(
    error: BaseException,
    function: Callable[..., Any],
    name: str,
    iteration: int,
    params: Mapping[str, np.ndarray],
) -> StepError:
    """Build the `StepError` of a step that failed during an iteration.

    Parameters
    ----------
    error : BaseException
        The exception that the step raised; it becomes the cause.
    function : callable
    name : str
        The name under which the user knows the function.
    iteration : int
        The iteration in which it was called; the first is 1.
    params : mapping
        ``{name: array}``, natural scale, at the beginning of that iteration.
    """
    values = ", ".join(f"{key} = {brief(value)}" for key, value in params.items())
    located = StepError(
        f"{_located(error, function, name)} at iteration {iteration}, with {values}",
        step=name,
        iteration=iteration,
        params=params,
    )
    located.__cause__ = error
    return located


def non_finite_entry(source: str, values: Mapping[str, Any], iteration: int) -> str | None:
    """Name the first entry that is NaN or plus infinity.

    Minus infinity is accepted because it is the logarithm of probability zero.

    Parameters
    ----------
    source : str
        The function that returned the values, for the message.
    values : mapping
        ``{name: value}``; values that are not arrays of floats are ignored.
    iteration : int

    Returns
    -------
    str or None
        ``"e_step gave z[1,0] = inf in iteration 1"``; None if there is no such entry.

    Raises
    ------
    DeclarationError
        A value is complex.
    """
    for name, value in values.items():
        if np.iscomplexobj(value):
            raise DeclarationError(
                f"{source} gave complex numbers for {name}, expected real numbers"
            )
        array = value.compressed() if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        bad = np.isnan(value) | (np.asarray(value) == np.inf)
        if bad.any():
            bad = np.ma.filled(bad, False)
            index = np.unravel_index(int(np.argmax(bad)), bad.shape)
            found = np.asarray(value)[index]
            return f"{source} gave {label(name, index)} = {found} in iteration {iteration}"
    return None


def three_argument_m_step(
    m_step: Callable[..., Mapping[str, Any]],
) -> Callable[[Any, Any, Any], Mapping[str, Any]]:
    """Adapt an M step to the signature ``m_step(expectations, data, params)``.

    Parameters
    ----------
    m_step : callable
        ``m_step(expectations, data)`` or ``m_step(expectations, data, params)``.

    Raises
    ------
    DeclarationError
        It takes neither two nor three arguments.
    """
    return _with_three_arguments(m_step, "m_step")


def composed(
    statistics: Callable[..., Mapping[str, Any]], m_step: Callable[..., Mapping[str, Any]]
) -> Callable[[Any, Any, Any], Mapping[str, Any]]:
    """Compose sufficient statistics and their M step into an M step that takes expectations.

    Parameters
    ----------
    statistics : callable
        ``statistics(expectations, data)`` or ``statistics(expectations, data, params)`` returns
        ``{name: array}``, sums over the units of the data.
    m_step : callable
        ``m_step(statistics, data)`` or ``m_step(statistics, data, params)``.

    Returns
    -------
    callable
        ``maximise(expectations, data, params)``. It raises `StepError` if `statistics` raises an
        error, and `DeclarationError` if one of the two functions takes neither two nor three
        arguments.
    """

    def maximise(expectations: Any, data: Any, params: Any) -> Mapping[str, Any]:
        adapted = three_argument_m_step(m_step)
        return adapted(evaluate_statistics(statistics, expectations, data, params), data, params)

    return _attributed_to(m_step, maximise)


def evaluate_statistics(
    statistics: Callable[..., Mapping[str, Any]], expectations: Any, data: Any, params: Any
) -> Mapping[str, Any]:
    """Call a statistics function, whether or not it takes the params.

    Parameters
    ----------
    statistics : callable
        ``statistics(expectations, data)`` or ``statistics(expectations, data, params)``.
    expectations, data, params
        Its arguments.

    Returns
    -------
    mapping
        ``{name: array}``, as `statistics` returned it.

    Raises
    ------
    StepError
        `statistics` raised an error.
    DeclarationError
        It takes neither two nor three arguments, or does not return a mapping.
    """
    adapted = _with_three_arguments(statistics, "statistics")
    found = call(adapted, "statistics", expectations, data, params)
    if not isinstance(found, Mapping):
        kind = "nothing" if found is None else f"a {type(found).__name__}"
        raise DeclarationError(f"statistics returned {kind}, expected a mapping {{name: array}}")
    return found


def brief(value: Any) -> str:
    """Format a number or an array on one line, with six digits; long arrays are abbreviated."""
    text = np.array2string(np.asarray(value), precision=6, threshold=8, edgeitems=3, separator=", ")
    return " ".join(text.split())


def _with_three_arguments(
    step: Callable[..., Mapping[str, Any]], name: str
) -> Callable[[Any, Any, Any], Mapping[str, Any]]:
    try:
        parameters = list(inspect.signature(step).parameters.values())
    except (TypeError, ValueError):
        return _ignoring_params(step)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return step
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    if len(positional) < 2 or required > 3:
        raise DeclarationError(
            f"{name} takes {required} argument{'' if required == 1 else 's'}; expected "
            f"{name}(expectations, data) or {name}(expectations, data, params)"
        )
    # A third argument that has a default is a setting of the author's, unless it is called params.
    if required == 3 or (len(positional) > 2 and positional[2].name == "params"):
        return step
    return _ignoring_params(step)


def _ignoring_params(
    step: Callable[..., Mapping[str, Any]],
) -> Callable[[Any, Any, Any], Mapping[str, Any]]:
    return _attributed_to(step, lambda expectations, data, params: step(expectations, data))


def _attributed_to[T: Callable[..., Any]](original: Callable[..., Any], wrapper: T) -> T:
    """Make error messages refer to the original's file; the wrapper keeps its own signature."""
    signature = inspect.signature(wrapper)
    wrapper.__wrapped__ = original  # type: ignore[attr-defined]
    wrapper.__signature__ = signature  # type: ignore[attr-defined]
    return wrapper


def _located(error: BaseException, function: Callable[..., Any], name: str) -> str:
    text = f"{name} raised {reason_of(error)}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == _source_file(function)]
    # The first frame is the caller's; if it is the only one, the function is not written in Python.
    last = own[-1] if own else frames[-1] if len(frames) > 1 else None
    return f"{text} ({Path(last.filename).name}, line {last.lineno})" if last else text


def _source_file(function: Callable[..., Any]) -> str | None:
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None:  # an instance with a method __call__, or not written in Python
        code = getattr(vars(type(function)).get("__call__"), "__code__", None)
    return code.co_filename if code else None

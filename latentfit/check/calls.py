"""Calling a step that somebody else wrote, so that whatever it does is a result."""

import copy
import functools
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentfit.errors import reason_of
from latentfit.supervision import CallEnded, Timeout, limited

_PACKAGE = Path(__file__).resolve().parents[1]
# Frames in these folders lie between a check and the author's function.
_FOLDERS_BETWEEN = (_PACKAGE / "check", _PACKAGE / "em", _PACKAGE / "supervision")


@dataclass(frozen=True)
class Failure:
    """A call that raised an error or took too long.

    Attributes
    ----------
    message : str
        The function, the error, and the line in the author's file.
    timeout : bool
        Whether the call took too long.
    """

    message: str
    timeout: bool = False


def attempt(function: Callable[..., Any], name: str, *args: Any) -> Any:
    """Return what `function` returns, or a `Failure` if it raises an error.

    Parameters
    ----------
    function : callable
    name : str
        The author's name of the function.
    *args
        Arguments of `function`.
    """
    try:
        return function(*args)
    except Timeout as error:
        return Failure(str(error), timeout=True)
    except (KeyboardInterrupt, CallEnded):
        raise
    except BaseException as error:
        return Failure(_described(error, name))


def guarded(function: Callable[..., Any], name: str, *, timeout: float) -> Callable[..., Any]:
    """Return the function under a time limit, on copies, with a `Failure` in place of an error.

    Parameters
    ----------
    function : callable
    name : str
        The author's name of the function.
    timeout : float
        Seconds for one call.
    """
    safe = limited(on_copies(function), timeout, name)
    return lambda *args: attempt(safe, name, *args)


def on_copies[**P, T](function: Callable[P, T]) -> Callable[P, T]:
    """Return the same function, called on copies so that it cannot change its caller's arrays."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*map(copied, args), **{key: copied(one) for key, one in kwargs.items()})

    return call


def copied(value: Any) -> Any:
    """Return a deep copy, or the value itself if it cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def _described(error: BaseException, name: str) -> str:
    message = f"{name} raised {reason_of(error)}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not _is_between(frame.filename)]
    if not theirs:
        return message
    # The last line in the author's own file: what that line calls may be deep inside NumPy.
    last = [frame for frame in theirs if frame.filename == theirs[0].filename][-1]
    return f"{message} ({Path(last.filename).name}, line {last.lineno})"


def _is_between(filename: str) -> bool:
    path = Path(filename)
    return any(path.is_relative_to(folder) for folder in _FOLDERS_BETWEEN)

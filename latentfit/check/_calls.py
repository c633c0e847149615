"""Calling a step that somebody else wrote: not for ever, and never to the end of the check."""

import contextvars
import copy
import functools
import math
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]
# Frames of these lie between a check and the function that it calls.
_BETWEEN = (_PACKAGE / "check", _PACKAGE / "em")
# For a timer that is due already: zero would disarm it.
_AT_ONCE_S = 1e-6


class Timeout(Exception):  # noqa: N818 - it is a limit that was reached
    """A call took longer than it was given."""


@dataclass(frozen=True)
class Failure:
    """A call that came to nothing.

    Attributes
    ----------
    message : str
        Function, error, and the line of the author's file.
    timeout : bool
        Whether it took too long.
    """

    message: str
    timeout: bool = False


def attempt(function: Callable[..., Any], name: str, *args: Any) -> Any:
    """What `function` returns, or the `Failure` that it came to.

    Parameters
    ----------
    function : callable
    name : str
        What its author calls it.
    *args
        Handed to `function`.
    """
    try:
        return function(*args)
    except Timeout as error:
        return Failure(str(error), timeout=True)
    except (Exception, SystemExit) as error:
        return Failure(_told(error, name))


def limited[**P, T](
    function: Callable[P, T], seconds: float, name: str | None = None
) -> Callable[P, T]:
    """The same function, interrupted after a time.

    In the main thread a timer interrupts whatever Python is doing, at the latest when a call of
    compiled code returns. Elsewhere, or where the platform has no such timer, the call runs in
    a thread of its own, which is left behind when its time is over.

    Parameters
    ----------
    function : callable
    seconds : float
        Time for one call; infinity means without limit.
    name : str, optional
        What its author calls it; by default its own name.

    Raises
    ------
    Timeout
        By the returned function.
    """
    if math.isinf(seconds):
        return function

    called = name or getattr(function, "__name__", None) or type(function).__name__

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        interruptible = hasattr(signal, "setitimer")
        here = threading.current_thread() is threading.main_thread()
        run = _with_timer if interruptible and here else _in_thread
        return run(functools.partial(function, *args, **kwargs), seconds, called)

    return call


def on_copies[**P, T](function: Callable[P, T]) -> Callable[P, T]:
    """The same function, which cannot change its caller's arrays."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*map(copied, args), **{key: copied(one) for key, one in kwargs.items()})

    return call


def copied(value: Any) -> Any:
    """A deep copy; the value itself where it is of a kind that cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


class _Late(BaseException):
    """Raised in the midst of a call; not an Exception, which the call might catch itself."""


def _with_timer[T](call: Callable[[], T], seconds: float, name: str) -> T:
    late = _Late()
    deadline = time.monotonic() + seconds
    # A timer that runs already may be due first; its owner then has to answer, not we.
    delay, interval = signal.getitimer(signal.ITIMER_REAL)
    outer = time.monotonic() + delay if delay else math.inf

    def arm() -> None:
        left = min(deadline, outer) - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(left, _AT_ONCE_S))

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal outer
        now = time.monotonic()
        if now >= deadline:
            raise late
        theirs = now >= outer
        if theirs:
            outer = outer + interval if interval else math.inf
        arm()
        if theirs and callable(before):
            before(number, frame)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        try:
            arm()
            return call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Late as caught:
        if caught is not late:
            raise
        raise Timeout(_too_long(name, seconds)) from None
    finally:
        signal.signal(signal.SIGALRM, before)
        if outer < math.inf:
            left = max(outer - time.monotonic(), _AT_ONCE_S)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def _in_thread[T](call: Callable[[], T], seconds: float, name: str) -> T:
    results: list[T] = []
    errors: list[BaseException] = []
    # NumPy's error state is part of the context, and the call should meet the caller's.
    context = contextvars.copy_context()

    def run() -> None:
        try:
            results.append(context.run(call))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Timeout(_too_long(name, seconds))
    if errors:
        raise errors[0]
    return results[0]


def _too_long(name: str, seconds: float) -> str:
    return f"{name} took longer than {seconds:g} s"


def _told(error: BaseException, name: str) -> str:
    reason = " ".join(str(error).split())
    said = f"{name} raised {type(error).__name__}{': ' if reason else ''}{reason}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not _between(frame.filename)]
    if not theirs:
        return said
    # The last line of their own file: what it calls may be deep inside NumPy.
    last = [frame for frame in theirs if frame.filename == theirs[0].filename][-1]
    return f"{said} ({Path(last.filename).name}, line {last.lineno})"


def _between(filename: str) -> bool:
    path = Path(filename)
    return any(path.is_relative_to(folder) for folder in _BETWEEN)

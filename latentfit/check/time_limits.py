"""Interrupting a function that takes too long."""

import contextvars
import functools
import math
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

# The shortest delay of a timer that is already due: a delay of zero would disarm the timer.
_SHORTEST_DELAY_S = 1e-6


class Timeout(Exception):  # noqa: N818 - the name says that a limit was reached
    """A call took longer than it was allowed to."""


def limited[**P, T](
    function: Callable[P, T], seconds: float, name: str | None = None
) -> Callable[P, T]:
    """Return the same function with a limit on the time of each call.

    In the main thread a timer interrupts the Python code that runs; a call of compiled code is
    interrupted when it returns. In other threads, and on platforms without such a timer, the call
    runs in a thread of its own, which is abandoned when the time is over.

    Parameters
    ----------
    function : callable
    seconds : float
        Time for one call; infinity means no limit.
    name : str, optional
        The author's name of the function, for messages; by default its own name.

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
        in_main_thread = threading.current_thread() is threading.main_thread()
        run = _with_timer if interruptible and in_main_thread else _in_thread
        return run(functools.partial(function, *args, **kwargs), seconds, called)

    return call


class _DeadlineReached(BaseException):
    """Raised inside the call; not an Exception, because the call might catch that itself."""


def _with_timer[T](call: Callable[[], T], seconds: float, name: str) -> T:
    reached = _DeadlineReached()
    deadline = time.monotonic() + seconds
    # Another timer may be running already and be due first; its own handler has to answer then.
    delay, interval = signal.getitimer(signal.ITIMER_REAL)
    outer = time.monotonic() + delay if delay else math.inf

    def arm() -> None:
        left = min(deadline, outer) - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(left, _SHORTEST_DELAY_S))

    def on_alarm(number: int, frame: FrameType | None) -> None:
        nonlocal outer
        now = time.monotonic()
        if now >= deadline:
            raise reached
        outer_is_due = now >= outer
        if outer_is_due:
            outer = outer + interval if interval else math.inf
        arm()
        if outer_is_due and callable(outer_handler):
            outer_handler(number, frame)

    outer_handler = signal.signal(signal.SIGALRM, on_alarm)
    try:
        try:
            arm()
            return call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _DeadlineReached as caught:
        if caught is not reached:
            raise
        raise Timeout(_too_long(name, seconds)) from None
    finally:
        signal.signal(signal.SIGALRM, outer_handler)
        if outer < math.inf:
            left = max(outer - time.monotonic(), _SHORTEST_DELAY_S)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def _in_thread[T](call: Callable[[], T], seconds: float, name: str) -> T:
    results: list[T] = []
    errors: list[BaseException] = []
    # NumPy keeps its error state in the context, and the call should run under the caller's.
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

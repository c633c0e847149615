"""Interrupting a function that takes too long."""

import contextvars
import functools
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from latentfit.supervision._current import current
from latentfit.supervision._endings import CallEnded
from latentfit.supervision._uncatchable import Insistence

# The shortest delay of a timer that is already due: a delay of zero would disarm the timer.
_SHORTEST_DELAY_S = 1e-6
# Timers of some platforms do not reach further.
_LONGEST_LIMIT_S = 1e9
# After a call has caught the exception that ends it, the exception is raised again this often.
_INSIST_EVERY_S = 0.2
# The time beyond its limit after which the parent process ends a call that cannot be interrupted:
# compiled code that returns late is interrupted when it returns, and the other results are kept.
_LEAST_GRACE_S = 5.0
_MOST_GRACE_S = 30.0


class Timeout(Exception):  # noqa: N818 - the name says that a limit was reached
    """A call took longer than it was allowed to."""


def limited[**P, T](
    function: Callable[P, T], seconds: float, name: str | None = None
) -> Callable[P, T]:
    """Return the same function with a limit on the time of each call.

    In the main thread a timer interrupts the Python code that runs, even if this code catches all
    exceptions; a call of compiled code is interrupted when it returns. In other threads, and on
    platforms without such a timer, the call runs in a thread of its own, which is abandoned when
    the time is over. If the process is supervised, its parent ends it if the call still runs some
    seconds later.

    Parameters
    ----------
    function : callable
    seconds : float
        Time for one call; more than thirty years, such as infinity, means no limit.
    name : str, optional
        The author's name of the function, for messages; by default its own name.

    Raises
    ------
    Timeout
        By the returned function.
    """
    if seconds > _LONGEST_LIMIT_S:
        return function

    called = name or getattr(function, "__name__", None) or type(function).__name__

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        interruptible = hasattr(signal, "setitimer")
        in_main_thread = threading.current_thread() is threading.main_thread()
        run = _with_timer if interruptible and in_main_thread else _in_thread
        with running(called, seconds):
            return run(functools.partial(function, *args, **kwargs), seconds, called)

    return call


@contextmanager
def running(name: str, seconds: float = math.inf) -> Iterator[None]:
    """Record for the parent process that a call runs, and when the parent is to end it.

    Parameters
    ----------
    name : str
        The name of the function, for messages.
    seconds : float
        The time limit of the call.
    """
    record = current()
    if record is None:
        yield
        return
    outer = record.call
    grace = min(max(seconds, _LEAST_GRACE_S), _MOST_GRACE_S)
    deadline = time.monotonic() + seconds + grace
    # The name of the inner call is more precise, whichever of the two deadlines comes first.
    record.start_call(name, min(deadline, outer[1]) if outer[0] else deadline, seconds)
    try:
        yield
    finally:
        record.start_call(*outer)


class _DeadlineReached(CallEnded):
    """Raised inside the call."""


def _with_timer[T](call: Callable[[], T], seconds: float, name: str) -> T:
    reached = _DeadlineReached()
    this_frame = sys._getframe()
    insistence = Insistence(reached, this_frame)
    deadline = time.monotonic() + seconds
    # Another timer may be running already and be due first; its own handler has to answer then.
    delay, interval = signal.getitimer(signal.ITIMER_REAL)
    outer = time.monotonic() + delay if delay else math.inf
    raised = 0

    def arm() -> None:
        left = min(deadline, outer) - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(left, _SHORTEST_DELAY_S))

    def on_alarm(number: int, frame: FrameType | None) -> None:
        nonlocal outer, raised
        now = time.monotonic()
        if now >= deadline:
            # Within this function's own frame the call has not begun or has ended.
            signal.setitimer(signal.ITIMER_REAL, _INSIST_EVERY_S)
            if frame is this_frame:
                return
            raised += 1
            if raised > 1:
                insistence.extend(frame)
            raise reached
        if now >= outer:
            outer = now + interval if interval else math.inf
            signal.setitimer(signal.ITIMER_REAL, 0)
            try:
                if callable(outer_handler):
                    outer_handler(number, frame)
            finally:
                # The handler may want to be called again.
                if again := signal.getitimer(signal.ITIMER_REAL)[0]:
                    outer = time.monotonic() + again
                arm()
        else:
            arm()

    outer_handler = signal.signal(signal.SIGALRM, on_alarm)
    try:
        try:
            arm()
            # An exception that leaves a handler in its first line stays the exception that is being
            # handled. A generator has a state of its own for that, which ends with it.
            result = next(_in_generator(call))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            insistence.end()
    except _DeadlineReached as caught:
        if caught is not reached:
            raise
        raise Timeout(_too_long(name, seconds)) from None
    finally:
        signal.signal(signal.SIGALRM, outer_handler)
        if outer < math.inf:
            left = max(outer - time.monotonic(), _SHORTEST_DELAY_S)
            signal.setitimer(signal.ITIMER_REAL, left, interval)
    if raised:
        # The call caught the exception and returned something that it did not finish to compute.
        raise Timeout(_too_long(name, seconds))
    return result


def _in_generator[T](call: Callable[[], T]) -> Iterator[T]:
    yield call()


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

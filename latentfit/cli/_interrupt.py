"""Make Ctrl-C and SIGTERM reliable while native code runs, and end quietly after them."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from latentfit.cli._streams import print_error
from latentfit.supervision import Terminated, acknowledge_signal

BAD_INPUT_STATUS = 2
# The status that shells give to a process that SIGTERM ended.
TERMINATED_STATUS = 143

_RETRY_SECONDS = 0.05
# `logging.CRITICAL`, without importing that module.
_ALL_LEVELS = 50
# The terminal and the parent process may both send the interrupt that the user sent once.
_SAME_SIGNAL_SECONDS = 0.5


# Signals that are handled, and the handlers that they have unless somebody else handles them.
_HANDLED = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    **({signal.SIGHUP: signal.SIG_DFL} if hasattr(signal, "SIGHUP") else {}),
}


class Interrupts:
    """What has been received.

    Attributes
    ----------
    received : KeyboardInterrupt or None
        The exception that was raised for the last signal.
    """

    def __init__(self) -> None:
        self.received: KeyboardInterrupt | None = None
        self._time = -_SAME_SIGNAL_SECONDS

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise `KeyboardInterrupt`, or `Terminated` for SIGTERM."""
        if time.monotonic() - self._time < _SAME_SIGNAL_SECONDS:
            return
        self._time = time.monotonic()
        if not self.received:
            acknowledge_signal()
            _silence_logging()
        self.received = KeyboardInterrupt() if number == signal.SIGINT else Terminated()
        raise self.received

    def send_again(self) -> None:
        """Send the last signal again, because its exception was lost."""
        self._time = -_SAME_SIGNAL_SECONDS
        number = signal.SIGTERM if isinstance(self.received, Terminated) else signal.SIGINT
        # Without a delay the exception would be raised in the caller and be lost again.
        main = threading.main_thread().ident
        timer = threading.Timer(_RETRY_SECONDS, signal.pthread_kill, (main, number))
        timer.daemon = True
        timer.start()


@contextmanager
def reliable_interrupts(*, debug: bool = False, ends_process: bool = False) -> Iterator[Interrupts]:
    """Within the block, Ctrl-C and SIGTERM raise exceptions that are not lost.

    Python reports an exception in a finaliser or in a callback from native code, and continues. The
    signal is sent again after such a report until it is raised in ordinary code. After a signal
    nothing else is reported: exceptions of threads and log messages are then its consequences.

    Parameters
    ----------
    debug : bool
        Whether other exceptions in finalisers and callbacks are reported. They change no result,
        and their tracebacks are many lines.
    ends_process : bool
        Whether the process ends after the block: after a signal its consequences are then not
        reported until the end, and further signals are ignored.
    """
    interrupts = Interrupts()
    report, report_of_thread = sys.unraisablehook, threading.excepthook

    def unraisable(found: "sys.UnraisableHookArgs") -> None:
        if issubclass(found.exc_type, KeyboardInterrupt):
            interrupts.send_again()
        elif debug and not interrupts.received:
            report(found)

    def of_thread(found: Any) -> None:
        if not interrupts.received:
            report_of_thread(found)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number, default in _HANDLED.items():
            if signal.getsignal(number) is default:
                before[number] = signal.signal(number, interrupts.handle)
    sys.unraisablehook, threading.excepthook = unraisable, of_thread
    try:
        if before and hasattr(signal, "pthread_sigmask"):
            # The entry point has blocked them until they can be handled.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, before)
        yield interrupts
    finally:
        ignored = ends_process and interrupts.received is not None
        if not ignored:
            sys.unraisablehook, threading.excepthook = report, report_of_thread
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if ignored else handler)


def report_interrupt(error: BaseException) -> int:
    """Report Ctrl-C or SIGTERM in one line, and return the exit status."""
    terminated = isinstance(error, Terminated)
    print_error(f"latentfit: {'terminated' if terminated else 'interrupted'}")
    return TERMINATED_STATUS if terminated else BAD_INPUT_STATUS


def _silence_logging() -> None:
    # The module may be in the middle of its import.
    disable = getattr(sys.modules.get("logging"), "disable", None)
    if disable is not None:
        disable(_ALL_LEVELS)

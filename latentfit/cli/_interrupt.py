"""Make Ctrl-C reliable while native code runs."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_RETRY_SECONDS = 0.05


@contextmanager
def reliable_interrupts() -> Iterator[None]:
    """Within the block, a KeyboardInterrupt that Python cannot propagate is raised again.

    Python reports an exception in a finaliser or in a callback from native code, and continues. The
    interrupt signal is sent again after such a report until it is raised in ordinary code.
    """
    report = sys.unraisablehook

    def send_again(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            report(unraisable)
            return
        # Without a delay the interrupt would be raised in this function and be lost again.
        main = threading.main_thread().ident
        timer = threading.Timer(_RETRY_SECONDS, signal.pthread_kill, (main, signal.SIGINT))
        timer.daemon = True
        timer.start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = report

"""Ctrl-C, also while native code is at work."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_AGAIN_S = 0.05


@contextmanager
def delivered() -> Iterator[None]:
    """Within the block, no interrupt is lost.

    A KeyboardInterrupt raised in a callback of a compiler, or in a finaliser, has nowhere to go:
    Python reports it and carries on. Here it is raised again, until it meets ordinary code.
    """
    report = sys.unraisablehook

    def repeat(lost: "sys.UnraisableHookArgs") -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report(lost)
            return
        # Not at once: it would be raised right here, and lost again.
        main = threading.main_thread().ident
        timer = threading.Timer(_AGAIN_S, signal.pthread_kill, (main, signal.SIGINT))
        timer.daemon = True
        timer.start()

    sys.unraisablehook = repeat
    try:
        yield
    finally:
        sys.unraisablehook = report

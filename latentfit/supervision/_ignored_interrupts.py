"""Processes that ignore Ctrl-C from their first instruction on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Within the block, ignore Ctrl-C; processes that are started there ignore it for good.

    An interrupt from the terminal reaches all processes, and only the main process reports it. A
    blocked signal would not do, because `multiprocessing` unblocks it. In other threads than the
    main thread the block has no effect.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

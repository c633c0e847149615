"""No process is left behind: neither by a job, nor by a parent process that is killed.

Both rest on Linux; on other platforms these functions do nothing.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Helper processes that notice the end of their parent exit by themselves within this time.
_EXIT_BY_THEMSELVES_S = 1.0
_CHILDREN = Path("/proc/self/task")


def die_with_parent() -> None:
    """Let the system kill this process as soon as its parent has ended."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt() -> None:
    """Become the parent of all descendants whose own parents end."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_all() -> None:
    """Wait a moment until the children of this process have exited, then kill them."""
    patience = time.monotonic() + _EXIT_BY_THEMSELVES_S
    while children := _children():
        if time.monotonic() > patience:
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        time.sleep(0.01)


def _children() -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for thread in _CHILDREN.iterdir():
            found += [int(text) for text in (thread / "children").read_text().split()]
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)

"""Raise an exception again in every frame that catches it.

An exception that a signal handler raises in a running function can be caught by that function, for
example by ``except BaseException: pass`` within a loop. Python's monitoring reports each line of
chosen code objects, those of handlers included, and an exception that the callback raises in the
first line of a handler is not caught by that handler. The exception therefore leaves all chosen
frames. Monitoring costs nothing before it is switched on.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType

_TOOL_NAME = "latentfit time limit"
# Tools 0, 1, 2 and 5 are reserved for debuggers, coverage, profilers and optimisers.
_FREE_TOOL_IDS = (3, 4)
_PACKAGE = Path(__file__).resolve().parents[1]


class Insistence:
    """Raises one exception in one thread until it has left all frames above a given one.

    Parameters
    ----------
    error : BaseException
        The exception to raise.
    outermost : FrameType
        The frame that calls the function; the exception may be handled in it.
    """

    def __init__(self, error: BaseException, outermost: FrameType) -> None:
        self._error = error
        self._outermost = outermost
        self._thread = threading.get_ident()
        self._tool: int | None = None
        self._codes: set[CodeType] = set()

    def extend(self, frame: FrameType | None) -> None:
        """Observe all frames from `frame` up to the outermost, without that one."""
        monitoring = sys.monitoring
        if self._tool is None:
            self._tool = _free_tool(self._raise_again)
        if self._tool is None:
            return
        for code in self._codes_from(frame):
            if code not in self._codes:
                self._codes.add(code)
                monitoring.set_local_events(self._tool, code, monitoring.events.LINE)

    def end(self) -> None:
        """Stop to observe."""
        if self._tool is not None:
            for code in self._codes:
                sys.monitoring.set_local_events(self._tool, code, 0)
            sys.monitoring.free_tool_id(self._tool)
            self._tool = None

    def _codes_from(self, frame: FrameType | None) -> Iterator[CodeType]:
        while frame is not None and frame is not self._outermost:
            # latentfit's own functions let the exception pass, and their clean-up has to run.
            if not _is_own(frame.f_code.co_filename):
                yield frame.f_code
            frame = frame.f_back

    def _raise_again(self, code: CodeType, line: int) -> None:
        if threading.get_ident() == self._thread:
            raise self._error


def _is_own(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(_PACKAGE) and not path.is_relative_to(_PACKAGE / "models")


def _free_tool(on_line: Callable[[CodeType, int], None]) -> int | None:
    for tool in _FREE_TOOL_IDS:
        if sys.monitoring.get_tool(tool) is None:
            sys.monitoring.use_tool_id(tool, _TOOL_NAME)
            sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, on_line)
            return tool
    return None

"""The process that runs a hand-in, as this process sees it: three pipes and a clock."""

import math
import os
import select
import sys
import time
from dataclasses import dataclass
from typing import Any

from latentfit.grade.sandbox import _frames
from latentfit.grade.sandbox.limits import Limits
from latentfit.grade.sandbox.outcome import FailureKind

_CHUNK_BYTES = 1 << 18
_MAX_KEPT_BYTES = 10_000
# `clock_gettime` gives the processor time of process p under the number ~p * 8 + 2.
_CLOCK_OF_PROCESSOR_TIME = 2


@dataclass(frozen=True)
class Broken:
    """An exchange without a reply: how it failed."""

    kind: FailureKind
    reason: str


class Worker:
    """A worker and its pipes.

    Parameters
    ----------
    requests, replies, printed : int
        File descriptors of this process' ends.

    Attributes
    ----------
    process : int or None
        Its process number, where the kernel told it.
    """

    def __init__(self, requests: int, replies: int, printed: int) -> None:
        self.process: int | None = None
        self._requests = requests
        self._replies = replies
        self._printed = printed
        self._kept = bytearray()
        self._printed_bytes = 0
        for file in (requests, replies, printed):
            os.set_blocking(file, False)

    def exchange(self, frame: bytes, limits: Limits) -> tuple[dict[str, Any], Any] | Broken:
        """Send a request, and return the fields and the value of the reply.

        Whatever the worker sends, the memory that this takes stays below the limits on results
        and printed text.
        """
        self._kept.clear()
        self._printed_bytes = 0
        if _ready(self._replies, select.POLLIN):
            return self._unexpected()
        unsent = memoryview(frame)
        reply = bytearray()
        expected = _frames.PREFIX_BYTES
        deadline = _Deadline(limits, self.process)
        poll = select.poll()
        poll.register(self._requests, select.POLLOUT)
        poll.register(self._replies, select.POLLIN)
        poll.register(self._printed, select.POLLIN)
        try:
            while len(reply) < expected:
                left = deadline.seconds_left()
                if left <= 0:
                    return Broken(FailureKind.TIME, deadline.reason())
                events = dict(poll.poll(math.ceil(left * 1000)))
                if self._printed in events and not self._take_printed():
                    poll.unregister(self._printed)
                if self._printed_bytes > limits.printed_bytes:
                    return Broken(
                        FailureKind.PRINTED, f"printed more than {limits.printed_bytes} bytes"
                    )
                if self._requests in events:
                    unsent = unsent[_write(self._requests, unsent) :]
                    if not unsent:
                        poll.unregister(self._requests)
                if self._replies in events:
                    part = os.read(self._replies, _CHUNK_BYTES)
                    if not part:
                        return Broken(FailureKind.ENDED, "")
                    reply += part
                    if expected == _frames.PREFIX_BYTES <= len(reply):
                        expected += sum(_frames.sizes(reply, limits.result_bytes))
            self._take_printed()
            if unsent or len(reply) > expected:
                return Broken(FailureKind.PROTOCOL, "it sent a reply before it was asked")
            return _split(reply)
        except _frames.MalformedFrame as error:
            return Broken(FailureKind.PROTOCOL, str(error))

    def printed_text(self) -> str:
        """Return what the worker printed during the last exchange, shortened."""
        self._take_printed()
        return self._kept.decode("utf-8", "replace")

    def close(self) -> None:
        """Close the pipes."""
        for file in (self._requests, self._replies, self._printed):
            os.close(file)

    def _unexpected(self) -> Broken:
        try:
            if not os.read(self._replies, 1):
                return Broken(FailureKind.ENDED, "")
        except BlockingIOError:
            pass
        return Broken(FailureKind.PROTOCOL, "it sent a reply before it was asked")

    def _take_printed(self) -> bool:
        """Read what has been printed; return False at the end of the pipe."""
        try:
            part = os.read(self._printed, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        self._printed_bytes += len(part)
        self._kept += part[: _MAX_KEPT_BYTES - len(self._kept)]
        return bool(part)


class _Deadline:
    """The limits on processor time and on elapsed time of one call."""

    def __init__(self, limits: Limits, process: int | None) -> None:
        self._limits = limits
        self._process = process
        self._started = time.monotonic()
        self._cpu_at_start = self._cpu_seconds()
        self._waited_at_start = self._waited_seconds()

    def seconds_left(self) -> float:
        """Return a time during which neither limit is reached; zero or less if one has been."""
        elapsed = time.monotonic() - self._started
        cpu_left = self._limits.cpu_seconds - (self._cpu_seconds() - self._cpu_at_start)
        wall_left = self._limits.wall_seconds - elapsed
        if wall_left <= 0:
            # A process that waits for a processor is not to blame for the load of the machine.
            wall_left += self._waited_seconds() - self._waited_at_start
        # A process with one thread uses no more processor time than time elapses.
        return min(wall_left, cpu_left)

    def reason(self) -> str:
        """Return which limit was reached."""
        if self._cpu_seconds() - self._cpu_at_start >= self._limits.cpu_seconds:
            return f"took more than {self._limits.cpu_seconds:g} s of processor time"
        return f"had not returned after {self._limits.wall_seconds:g} s"

    def _cpu_seconds(self) -> float:
        if self._process is None or sys.platform != "linux":
            return 0.0
        try:
            return time.clock_gettime(~self._process * 8 + _CLOCK_OF_PROCESSOR_TIME)
        except OSError:  # it has ended
            return 0.0

    def _waited_seconds(self) -> float:
        """Return for how long the process has been ready to run while others ran."""
        if self._process is None or sys.platform != "linux":
            return 0.0
        try:
            with open(f"/proc/{self._process}/schedstat", encoding="ascii") as file:
                return int(file.read().split()[1]) * 1e-9
        except (OSError, ValueError, IndexError):  # it has ended, or the kernel does not count
            return 0.0


def _ready(file: int, event: int) -> bool:
    poll = select.poll()
    poll.register(file, event)
    return bool(poll.poll(0))


def _write(file: int, data: memoryview) -> int:
    try:
        return os.write(file, data[:_CHUNK_BYTES])
    except BlockingIOError:
        return 0
    except BrokenPipeError:  # the end of the other pipe will be read
        return len(data)


def _split(reply: bytearray) -> tuple[dict[str, Any], Any]:
    head_bytes, _ = _frames.sizes(reply, len(reply))
    start = _frames.PREFIX_BYTES
    body = memoryview(reply)[start + head_bytes :]
    return _frames.decode(reply[start : start + head_bytes], body)

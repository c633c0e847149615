"""What a child process tells its parent, in memory that both share.

The parent reads the record after the child has ended, and while the child cannot answer.
"""

import json
import mmap
import struct
from typing import Any

_SIZE_BYTES = 64 * 1024
# Deadline and limit of the running call in seconds, exit status, lengths of the name and the notes,
# and whether a signal was handled.
_HEADER = struct.Struct("ddiiii")
_NAME_BYTES = 200
_NO_STATUS = -1


class Record:
    """A record in memory that is shared with a child process."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE_BYTES)
        self._notes: dict[str, str] = {}
        self._header: list[Any] = [0.0, 0.0, _NO_STATUS, 0, 0, 0]
        self._write_header()

    def start_call(self, name: str, deadline: float, seconds: float) -> None:
        """Record that a call runs, until when it may run, and its time limit.

        Parameters
        ----------
        name : str
            Empty if no call runs.
        deadline : float
            On the clock of `time.monotonic`, which all processes share; infinite for no limit.
        seconds : float
        """
        text = name.encode("utf-8", "replace")[:_NAME_BYTES]
        start = _HEADER.size
        self._memory[start : start + len(text)] = text
        self._header[0], self._header[1], self._header[3] = deadline, seconds, len(text)
        self._write_header()

    def note(self, **notes: str) -> None:
        """Record texts that the parent needs if the child cannot finish."""
        self._notes.update(notes)
        text = json.dumps(self._notes).encode("ascii")
        start = _HEADER.size + _NAME_BYTES
        if start + len(text) <= _SIZE_BYTES:
            self._memory[start : start + len(text)] = text
            self._header[4] = len(text)
            self._write_header()

    def acknowledge_signal(self) -> None:
        """Record that the child handles a signal."""
        self._header[5] = 1
        self._write_header()

    def finish(self, status: int) -> None:
        """Record the exit status of the finished job."""
        self._header[2] = status
        self._write_header()

    @property
    def call(self) -> tuple[str, float, float]:
        """Name, deadline and time limit of the running call; an empty name if there is none."""
        deadline, seconds, _, length = self._read_header()[:4]
        name = self._memory[_HEADER.size : _HEADER.size + length].decode("utf-8", "replace")
        return name, deadline, seconds

    @property
    def signal_acknowledged(self) -> bool:
        """Whether the child has handled a signal."""
        return bool(self._read_header()[5])

    @property
    def notes(self) -> dict[str, str]:
        """The texts of `note`."""
        length = self._read_header()[4]
        start = _HEADER.size + _NAME_BYTES
        notes: dict[str, str] = json.loads(self._memory[start : start + length] or b"{}")
        return notes

    @property
    def status(self) -> int | None:
        """The exit status of the finished job; None if it did not finish."""
        status = self._read_header()[2]
        return None if status == _NO_STATUS else status

    def _write_header(self) -> None:
        _HEADER.pack_into(self._memory, 0, *self._header)

    def _read_header(self) -> tuple[float, float, int, int, int, int]:
        return _HEADER.unpack_from(self._memory, 0)

"""The supervisor of a sandbox, as this process sees it: it starts and stops workers."""

import contextlib
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import weakref

from latentfit.grade.sandbox._worker import Worker
from latentfit.grade.sandbox.isolation import command
from latentfit.grade.sandbox.limits import Limits

# Starting Python and NumPy takes half a second, on a busy machine many times as long.
_SECONDS_TO_START = 120.0
_SECONDS_TO_STOP = 30.0
_MAX_REASON_CHARACTERS = 300

_CREDENTIALS = struct.Struct("3i")
_STATUS = struct.Struct("<i?")


class SandboxBroken(Exception):  # noqa: N818 - the name says what is the case
    """The supervisor did not start, or does not answer. No hand-in can do that."""


class Supervisor:
    """A supervisor in a sandbox of its own.

    Parameters
    ----------
    isolation : str
    limits : Limits
    seed : int

    Raises
    ------
    SandboxBroken
        It did not start.
    """

    def __init__(self, isolation: str, limits: Limits, seed: int) -> None:
        self._control, other_end = socket.socketpair()
        self._scratch = None if isolation != "none" else tempfile.mkdtemp()
        self._launcher: subprocess.Popen[bytes] | None = None
        self._handles: list[int] = []
        try:
            with other_end:
                self._launcher = self._start(isolation, limits, seed, other_end)
        finally:
            self._close = weakref.finalize(
                self, _end, self._control, self._launcher, self._handles, self._scratch
            )
            if self._launcher is None:
                self.close()
        try:
            process = self._message(b"s")
            if process is not None:
                self._handles.append(os.pidfd_open(process))
        except BaseException:
            self.close()
            raise

    def _start(
        self, isolation: str, limits: Limits, seed: int, other_end: socket.socket
    ) -> "subprocess.Popen[bytes]":
        self._control.settimeout(_SECONDS_TO_START)
        if sys.platform == "linux":
            self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        start = command(isolation, limits, seed, other_end.fileno())
        return subprocess.Popen(
            start.arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=dict(start.environment),
            cwd=self._scratch or "/",
            pass_fds=[other_end.fileno()],
            # An interrupt from the terminal is this process' affair.
            start_new_session=True,
        )

    def start_worker(self) -> Worker:
        """Start a worker, which has not yet run anything.

        Raises
        ------
        SandboxBroken
        """
        requests, to_worker = os.pipe()
        from_worker, replies = os.pipe()
        printed, output = os.pipe()
        worker = Worker(to_worker, from_worker, printed)
        try:
            try:
                socket.send_fds(self._control, [b"w"], [requests, replies, output])
            except OSError as error:
                raise SandboxBroken(f"the supervisor has ended ({error})") from error
            finally:
                for file in (requests, replies, output):
                    os.close(file)
            # The worker closes its pipes if it fails before it is ready.
            if not _readable(self._control.fileno(), from_worker):
                raise SandboxBroken(_shortened(worker.printed_text()) or "no worker started")
            worker.process = self._message(b"w")
        except BaseException:
            worker.close()
            raise
        return worker

    def stop_worker(self) -> tuple[int, bool]:
        """Kill whatever runs in the sandbox.

        Returns
        -------
        status : int
            The worker's exit status, or minus the number of the signal that killed it.
        used : bool
            Whether it left files in the scratch folder.

        Raises
        ------
        SandboxBroken
        """
        self._control.settimeout(_SECONDS_TO_STOP)
        try:
            self._control.sendall(b"k")
            reply = b""
            while len(reply) < _STATUS.size:
                part = self._control.recv(_STATUS.size - len(reply))
                if not part:
                    raise SandboxBroken("the supervisor has ended")
                reply += part
        except OSError as error:
            raise SandboxBroken(f"the supervisor does not answer ({error})") from error
        status, used = _STATUS.unpack(reply)
        return status, used

    def close(self) -> None:
        """End the supervisor and every process in its sandbox."""
        self._close()

    def _message(self, expected: bytes) -> int | None:
        """Receive a message, and the sender's process number where the kernel adds it."""
        try:
            data, ancillary, _, _ = self._control.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
        except OSError as error:
            raise SandboxBroken(f"the supervisor does not answer ({error})") from error
        if data != expected:
            raise SandboxBroken(self._reason())
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, getattr(socket, "SCM_CREDENTIALS", None)):
                return int(_CREDENTIALS.unpack(content)[0])
        return None

    def _reason(self) -> str:
        """Return the last line that the launcher printed before it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert self._launcher is not None
            lines = self._launcher.communicate(timeout=_SECONDS_TO_STOP)[1].decode(
                "utf-8", "replace"
            )
            return _shortened(lines) or f"it ended with status {self._launcher.returncode}"
        return "it did not start"


def _readable(file: int, or_ended: int) -> bool:
    """Wait until a file is readable or another one has ended; return whether the first is."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    poll.register(or_ended, 0)
    poll.poll(round(_SECONDS_TO_START * 1000))
    poll.unregister(or_ended)
    return bool(poll.poll(0))


def _shortened(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:_MAX_REASON_CHARACTERS] if lines else ""


def _end(
    control: socket.socket,
    launcher: "subprocess.Popen[bytes] | None",
    handles: list[int],
    scratch: str | None,
) -> None:
    """End a supervisor: it ends by itself once its socket is closed, or is killed."""
    control.close()
    for handle in handles:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Process number 1 takes all processes of its sandbox with it.
            if scratch is None:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    if launcher is not None:
        try:
            launcher.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            launcher.kill()
            launcher.wait()
        if launcher.stderr:
            launcher.stderr.close()
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)

"""Run a job in a child process and describe its end if it does not finish."""

import faulthandler
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from latentfit.supervision import _descendants
from latentfit.supervision._crash_place import place_in
from latentfit.supervision._current import use
from latentfit.supervision._endings import Ending
from latentfit.supervision._record import Record
from latentfit.supervision._temporary_folder import temporary_folder

# How often the parent compares the deadline of the running call with the time.
_LOOK_EVERY_S = 0.5
# If the parent itself did not run for this long, both processes were stopped by Ctrl-Z. The child
# has to notice first that its time is over.
_STOPPED_AFTER_S = 3.0
# What the child has after Ctrl-C or SIGTERM to clean up, and after its job to exit.
_CLEAN_UP_S = 10.0
_CLEAN_UP_AFTER_SECOND_SIGNAL_S = 1.0
# How long the parent waits for the child to write where it is.
_WRITE_PLACE_S = 1.0


def is_supported() -> bool:
    """Whether `supervise` can run a child process: on Linux, before any thread is started."""
    return sys.platform == "linux" and threading.active_count() == 1


def supervise(job: Callable[[], int], report: Callable[[Ending], int]) -> int:
    """Run a job in a child process.

    The function returns in both processes: in the child with the status of the job, and in the
    parent after the child has ended. The parent forwards Ctrl-C and SIGTERM, ends the child if a
    limited call does not end, kills processes that the child leaves behind, and removes its
    temporary files. If the system allows no child process, the job runs in this one.

    Parameters
    ----------
    job : callable
        Returns an exit status.
        It has to unblock SIGINT, SIGTERM and SIGHUP when it can handle them.
    report : callable
        Called in the parent as ``report(ending)`` if the child ended without finishing the job.
        Returns an exit status.

    Returns
    -------
    int
        The exit status.
    """
    try:
        record, place_file = Record(), os.memfd_create("latentfit-place")
    except OSError:  # the system forbids shared memory
        return job()
    awaited = {signal.SIGCHLD} | {
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    # Signals that arrive from now on wait until the parent or the child can handle them.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    with temporary_folder() as folder:
        _descendants.adopt()
        try:
            child = os.fork()
        except OSError:  # the system allows no further process
            return job()
        if child == 0:
            _descendants.die_with_parent()
            use(record)
            if folder is not None:
                os.environ["TMPDIR"] = folder
            faulthandler.enable(place_file)
            faulthandler.register(_WRITE_PLACE_SIGNAL, place_file, all_threads=True)
            status = job()
            record.finish(status)
            return status
        try:
            ending = _wait_for(child, record, place_file, awaited)
        finally:
            _descendants.end_all()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    # A crash while Python exits comes after the result.
    if record.status is not None:
        return record.status
    return report(ending)


_WRITE_PLACE_SIGNAL = signal.SIGRTMAX - 1 if sys.platform == "linux" else signal.SIGTERM


def _wait_for(child: int, record: Record, place_file: int, awaited: set[signal.Signals]) -> Ending:
    """Wait until the child has ended, and end it if it has to be."""
    received: signal.Signals | None = None
    end_at = math.inf
    too_long = False
    before, resumed = time.monotonic(), -math.inf
    while True:
        info = signal.sigtimedwait(awaited, _LOOK_EVERY_S)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        now = time.monotonic()
        if now - before > _STOPPED_AFTER_S:
            resumed = now
        before = now
        forwarded = received
        if info is not None and info.si_signo != signal.SIGCHLD:
            wait = _CLEAN_UP_S if received is None else _CLEAN_UP_AFTER_SECOND_SIGNAL_S
            end_at = min(end_at, now + wait)
            forwarded = signal.Signals(info.si_signo)
            received = received or forwarded
        elif record.signal_acknowledged:
            forwarded = None
        if forwarded is not None:
            # Again and again until it is handled: the child may ignore signals for a while.
            os.kill(child, signal.SIGINT if forwarded is signal.SIGINT else signal.SIGTERM)
        if record.status is not None:
            end_at = min(end_at, now + _CLEAN_UP_S)
        name, deadline, _ = record.call
        just_resumed = now - resumed < _CLEAN_UP_S
        if name and now > deadline and received is None and not just_resumed:
            too_long = True
            _request_place(child, place_file)
            end_at = now
        if now >= end_at:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
    name, _, seconds = record.call
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    place = place_in(os.pread(place_file, 1 << 20, 0).decode("utf-8", "replace"))
    if too_long:
        return Ending("too long", 0, name, seconds, place, record.notes)
    if received is signal.SIGINT:
        return Ending("interrupt", 0, name, seconds, "", record.notes)
    if received is not None:
        return Ending("termination", 0, name, seconds, "", record.notes)
    return Ending("crash" if number else "exit", number, name, seconds, place, record.notes)


def _request_place(child: int, place_file: int) -> None:
    """Let the child write the lines that it executes, which also compiled code does not prevent."""
    os.kill(child, _WRITE_PLACE_SIGNAL)
    patience = time.monotonic() + _WRITE_PLACE_S
    while os.fstat(place_file).st_size == 0 and time.monotonic() < patience:
        time.sleep(0.02)
    time.sleep(0.02)

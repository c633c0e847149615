"""Standard streams that are closed, full, or cannot represent a character."""

import os
import sys
from typing import TextIO

from latentfit.errors import InputError, one_line, reason_of


def open_closed_streams() -> None:
    """Open the null device in place of standard streams that are closed.

    Otherwise the next file that is opened, for example a result, would take the number of the
    stream, and whatever is written to the stream would be written to that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one.
            os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)


def print_text(text: str) -> None:
    """Print a text on stdout; a reader that closes the pipe early causes no error.

    Raises
    ------
    InputError
        If stdout is closed or cannot be written.
    """
    if sys.stdout is None:
        raise InputError("stdout is closed, so that the result cannot be printed")
    try:
        _print(text, sys.stdout)
    except BrokenPipeError:
        _discard(sys.stdout)
    except (OSError, ValueError) as error:
        _discard(sys.stdout)
        reason = getattr(error, "strerror", None) or reason_of(error)
        raise InputError(f"stdout cannot be written: {reason}") from error


def print_error(line: str) -> None:
    """Print one line of at most 500 characters on stderr, if stderr can be written."""
    if sys.stderr is None:
        return
    try:
        _print(one_line(line), sys.stderr)
    except (OSError, ValueError):
        _discard(sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    try:
        print(text, file=stream, flush=True)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def _discard(stream: TextIO) -> None:
    """Discard what the stream holds: Python flushes it at exit, which would fail again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # a stream in memory, or one that is closed
        return

"""Print text on stdout and write JSON."""

import os
import sys
from pathlib import Path
from typing import Any

from latentfit.errors import InputError
from latentfit.plain import plain


def print_text(text: str) -> None:
    """Print a text on stdout; a reader that closes the pipe early causes no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes stdout once more when it exits, which would raise the error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def render(renderable: Any) -> str:
    """Return what Rich would print, without trailing spaces."""
    from rich.console import Console

    console = Console()
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


def check_json_path(path: str | None) -> None:
    """Check before a long run that its result can be written as JSON.

    Raises
    ------
    InputError
        If `path` is a folder, lies in a folder that does not exist, or is not writable.
    """
    if path in (None, "-"):
        return
    file = Path(str(path))
    if file.is_dir():
        raise InputError(f"{file}: this is a folder; expected the name of a JSON file")
    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no folder {file.parent} to write it in")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise InputError(f"{file}: not writable")


def write_json(path: str, result: Any) -> None:
    """Write a result as JSON, with null for numbers that are not finite.

    Parameters
    ----------
    path : str
        ``-`` is stdout.
    result : object
        Anything that `latentfit.plain.plain` converts.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import json

    text = json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False)
    if path == "-":
        print_text(text)
        return
    try:
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error

"""Text and JSON for whoever asked."""

import os
import sys
from pathlib import Path
from typing import Any

from latentfit.errors import InputError
from latentfit.plain import plain


def say(text: str) -> None:
    """Print on stdout. A reader that has left early changes nothing about the exit status."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python flushes once more at its own end, and must not meet the broken pipe there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def rendered(renderable: Any) -> str:
    """What Rich would print, for `say`."""
    from rich.console import Console

    console = Console()
    with console.capture() as capture:
        console.print(renderable)
    # Rich fills lines up to the width; a file or a pipe has no use for that.
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


def check_json(target: str | None) -> None:
    """Raise `InputError` for a place that no JSON can be written to, before a long run."""
    if target in (None, "-"):
        return
    path = Path(str(target))
    if path.is_dir():
        raise InputError(f"{path}: a folder, where the name of a JSON file was expected")
    if not path.parent.is_dir():
        raise InputError(f"{path}: no folder {path.parent} to write it in")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{path}: not writable")


def write_json(target: str, result: Any) -> None:
    """Write a result as JSON, numbers that are not finite as null; ``-`` is stdout."""
    import json

    text = json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False)
    if target == "-":
        say(text)
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: {error.strerror or error}") from error

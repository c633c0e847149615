"""Render text and write JSON."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latentfit.cli._streams import print_text
from latentfit.errors import InputError
from latentfit.plain import plain


def render(renderable: Any) -> str:
    """Return what Rich would print, without trailing spaces."""
    from rich.console import Console

    console = Console()
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())


def check_json_path(path: str | None, inputs: Sequence[str | Path | None] = ()) -> None:
    """Check before a long run that its result can be written as JSON.

    Parameters
    ----------
    path : str or None
    inputs : sequence of path
        Files that the command reads; None is ignored, and so is the name of a catalogue model.

    Raises
    ------
    InputError
        If `path` is a folder, lies in a folder that does not exist, is not writable, or is one of
        the inputs.
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
    check_not_input(file, "--json", inputs)


def check_not_input(path: Path, option: str, inputs: Sequence[str | Path | None]) -> None:
    """Check that a file which will be written is not one that the command reads.

    Raises
    ------
    InputError
        If `path` is one of the inputs, under whatever name.
    """
    for given in inputs:
        if given is not None and _is_same_file(path, Path(given)):
            raise InputError(
                f"{option}: {path} is an input of the command, {given}, and would be overwritten; "
                f"choose another name"
            )


def _is_same_file(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except (OSError, ValueError):
        return False


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
        # JSON writes a lone surrogate as its escape, \\udc80, which Python does too.
        Path(path).write_bytes((text + "\n").encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error

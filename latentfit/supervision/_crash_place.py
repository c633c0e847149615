"""Find the author's line in what Python's fault handler writes."""

import re
import sys
import sysconfig
from pathlib import Path

_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in ', re.MULTILINE)
_SECTION = re.compile(r"^(?=(?:Current thread|Thread) 0x)", re.MULTILINE)
_PACKAGE = Path(__file__).resolve().parents[1]


def place_in(dump: str) -> str:
    """Return the innermost line that belongs neither to Python nor to an installed package.

    Parameters
    ----------
    dump : str
        Frames of all threads, the innermost first, as `faulthandler` writes them.

    Returns
    -------
    str
        ``"model.py, line 12"``; empty if there is no such line.
    """
    sections = _SECTION.split(dump)
    # The thread that received a signal comes first; the main thread runs the author's code.
    sections.sort(key=lambda section: not section.startswith("Current thread"))
    for section in sections:
        for frame in _FRAME.finditer(section):
            if _is_the_authors(frame["file"]):
                return f"{Path(frame['file']).name}, line {frame['line']}"
    return ""


def _is_the_authors(file: str) -> bool:
    if file.startswith("<"):
        return False
    path = Path(file).absolute()
    if path.is_relative_to(_PACKAGE):
        return path.is_relative_to(_PACKAGE / "models")
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not any(path.is_relative_to(folder) for folder in folders if folder) and not (
        "site-packages" in path.parts or path.is_relative_to(Path(sys.prefix) / "lib")
    )

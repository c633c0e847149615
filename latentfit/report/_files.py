"""The files that are written for a comparison or a selection."""

import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentfit.errors import InputError

if TYPE_CHECKING:
    from latentfit.agreement import Comparison
    from latentfit.selection import Selection

_COMPARISON_FILES = {"netcdf": "comparison.nc", "json": "comparison.json", "report": "report.html"}
_SELECTION_FILES = ("selection.html", "selection.json")


@dataclass(frozen=True)
class Paths:
    """The files of a comparison."""

    report: Path
    json: Path
    netcdf: Path


def write(comparison: "Comparison", folder: str | Path) -> Paths:
    """Write the report, the numbers and the draws of a comparison into a folder.

    All three files are written to a temporary folder first, and moved to their places when they are
    complete. If the writing fails or is interrupted, files of an earlier comparison are unchanged.

    Parameters
    ----------
    comparison : Comparison
    folder : str or Path
        Created if it does not exist. ``report.html``, ``comparison.json`` and ``comparison.nc``
        in it are replaced.

    Returns
    -------
    Paths

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    from latentfit.report._page import page

    folder = Path(folder)
    text = page(comparison)
    with _replaced(folder, _COMPARISON_FILES.values()) as temporary:
        _write_json(temporary / _COMPARISON_FILES["json"], comparison.to_dict())
        (temporary / _COMPARISON_FILES["report"]).write_text(text, encoding="utf-8")
        comparison.tree.to_netcdf(temporary / _COMPARISON_FILES["netcdf"])
    return Paths(**{key: folder / file for key, file in _COMPARISON_FILES.items()})


def write_selection(
    selection: "Selection", folder: str | Path, reports: Mapping[int, Path] | None = None
) -> tuple[Path, Path]:
    """Write the page and the numbers of a selection into a folder.

    Parameters
    ----------
    selection : Selection
    folder : str or Path
        Created if it does not exist. ``selection.html`` and ``selection.json`` in it are replaced.
    reports : dict, optional
        ``{value: path}`` of the reports on single values of the option, for links to them.

    Returns
    -------
    page, json : Path

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    from latentfit.report._selection_page import page

    folder = Path(folder)
    links = {
        value: Path(os.path.relpath(path, folder)).as_posix()
        for value, path in (reports or {}).items()
    }
    text = page(selection, links)
    with _replaced(folder, _SELECTION_FILES) as temporary:
        (temporary / _SELECTION_FILES[0]).write_text(text, encoding="utf-8")
        _write_json(temporary / _SELECTION_FILES[1], selection.to_dict(links))
    return folder / _SELECTION_FILES[0], folder / _SELECTION_FILES[1]


def report_files(folder: str | Path) -> tuple[Path, ...]:
    """List the files that reports in a folder consist of."""
    return tuple(Path(folder) / name for name in (*_COMPARISON_FILES.values(), *_SELECTION_FILES))


def check_writable(folder: str | Path) -> None:
    """Check, before a long computation, that a report can be written into a folder.

    Parameters
    ----------
    folder : str or Path
        It need not exist, and is not created.

    Raises
    ------
    InputError
        A part of the path is a file, the name of a file of the report is a folder, or the
        permission to write is missing.
    """
    folder = Path(folder)
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not existing.is_dir():
            raise InputError(
                f"{folder}: cannot write a report there: {existing} is a file, not a folder"
            )
        for name in (*_COMPARISON_FILES.values(), *_SELECTION_FILES):
            if (folder / name).is_dir():
                raise InputError(
                    f"{folder}: cannot write a report there: {name} is a folder, not a file"
                )
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise InputError(f"{folder}: cannot write a report there: {_reason(error)}") from error


@contextmanager
def _replaced(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """Provide a temporary folder, whose files are moved to `folder` when the block succeeds."""
    check_writable(folder)
    try:
        with (
            _created(folder),
            tempfile.TemporaryDirectory(dir=folder, prefix=".latentfit-") as name,
        ):
            temporary = Path(name)
            yield temporary
            for file in names:
                os.replace(temporary / file, folder / file)
    except OSError as error:
        raise InputError(f"{folder}: cannot write the report there: {_reason(error)}") from error


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _created(folder: Path) -> Iterator[None]:
    """Create a folder and its parents, and remove those that are new and empty on failure."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in new:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        raise


def _reason(error: OSError) -> str:
    return error.strerror or str(error)

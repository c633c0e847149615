"""The files that a comparison, or a selection, leaves behind."""

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

_SELECTION = ("selection.html", "selection.json")
_NAMES = {"netcdf": "comparison.nc", "json": "comparison.json", "report": "report.html"}


@dataclass(frozen=True)
class Paths:
    """Where the files are."""

    report: Path
    json: Path
    netcdf: Path


def write(comparison: "Comparison", folder: str | Path) -> Paths:
    """Write the report, the figures and the draws into a folder.

    All three are made in a temporary folder first and moved to their names when complete, so
    whatever interrupts the writing, what stood there before still stands.

    Parameters
    ----------
    comparison : Comparison
    folder : str or Path
        Made if it does not exist; ``report.html``, ``comparison.json`` and ``comparison.nc``
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
    with _replaced(folder, _NAMES.values()) as made:
        _write_json(made / _NAMES["json"], comparison.to_dict())
        (made / _NAMES["report"]).write_text(text, encoding="utf-8")
        comparison.tree.to_netcdf(made / _NAMES["netcdf"])
    return Paths(**{key: folder / file for key, file in _NAMES.items()})


def write_selection(
    selection: "Selection", folder: str | Path, reports: Mapping[int, Path] | None = None
) -> tuple[Path, Path]:
    """Write the table, the picture and the figures of a selection into a folder.

    Parameters
    ----------
    selection : Selection
    folder : str or Path
        Made if it does not exist; ``selection.html`` and ``selection.json`` in it are replaced.
    reports : dict, optional
        ``{value: path}`` of reports on single values, for links to them.

    Returns
    -------
    page, figures : Path

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    from latentfit.report._selection import page

    folder = Path(folder)
    links = {
        value: Path(os.path.relpath(path, folder)).as_posix()
        for value, path in (reports or {}).items()
    }
    text = page(selection, links)
    with _replaced(folder, _SELECTION) as made:
        (made / _SELECTION[0]).write_text(text, encoding="utf-8")
        _write_json(made / _SELECTION[1], selection.to_dict(links))
    return folder / _SELECTION[0], folder / _SELECTION[1]


def check_writable(folder: str | Path) -> None:
    """Whether a report could be written there: to be asked before a long computation.

    Parameters
    ----------
    folder : str or Path
        It need not exist; it is not made.

    Raises
    ------
    InputError
        A file is in the way, or the permission is missing.
    """
    folder = Path(folder)
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not existing.is_dir():
            raise InputError(
                f"{folder}: cannot write a report there: {existing} is a file, not a folder"
            )
        for name in (*_NAMES.values(), *_SELECTION):
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
    """A folder to make files in, which are moved to their place once all are complete."""
    check_writable(folder)
    try:
        with _made(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".latentfit-") as name:
            made = Path(name)
            yield made
            for file in names:
                os.replace(made / file, folder / file)
    except OSError as error:
        raise InputError(f"{folder}: cannot write the report there: {_reason(error)}") from error


def _write_json(path: Path, figures: Any) -> None:
    text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and its parents; unmake what was made if the block does not succeed."""
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

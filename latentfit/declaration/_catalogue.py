"""The catalogue: the model files that come with latentfit. Nothing here imports PyMC."""

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentfit.errors import InputError


@dataclass(frozen=True)
class CatalogueEntry:
    """One model of the catalogue.

    Attributes
    ----------
    name : str
        Name on the command line, such as ``gaussian-mixture``.
    title : str
        First line of the model file's docstring.
    path : Path
        The model file.
    """

    name: str
    title: str
    path: Path


def catalogue() -> list[CatalogueEntry]:
    """List the models of the catalogue in the order of their names.

    The docstrings are read without executing the model files.
    """
    entries = []
    for name, path in catalogue_files().items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        title, _ = split_title(docstring)
        entries.append(CatalogueEntry(name, title, path))
    return entries


def catalogue_files() -> dict[str, Path]:
    """Return the path of each model file of the catalogue by the name of its model."""
    paths = sorted(_catalogue_folder().glob("[!_]*.py"))
    return {model_name(path): path for path in paths}


def model_name(path: Path) -> str:
    """Return the name of the model in a file: the file name with hyphens, without ``.py``."""
    return path.stem.replace("_", "-")


def split_title(docstring: str) -> tuple[str, str]:
    """Split a docstring into its first line and the rest, both stripped."""
    title, _, rest = docstring.strip().partition("\n")
    return title.strip(), rest.strip()


def published_figures(path: Path) -> tuple[dict[str, Any], ...]:
    """Read the figures from the literature that belong to a model file of the catalogue.

    Parameters
    ----------
    path : Path
        A model file. Its figures are in ``published/NAME.toml`` beside it.

    Returns
    -------
    tuple of dict
        Empty for a file outside the catalogue.

    Raises
    ------
    InputError
        If the TOML file cannot be parsed or has no ``[[figure]]``.
    """
    folder = _catalogue_folder()
    table = folder / "published" / f"{path.stem}.toml"
    if path.resolve().parent != folder or not table.is_file():
        return ()
    try:
        return tuple(tomllib.loads(table.read_text(encoding="utf-8"))["figure"])
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise InputError(f"{table}: not a list of [[figure]] tables in TOML: {error}") from error


def _catalogue_folder() -> Path:
    # An installed package holds the catalogue; in a checkout it lies beside the package.
    package = Path(__file__).resolve().parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"

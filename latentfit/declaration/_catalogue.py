"""The catalogue: the model files that come with latentfit. Nothing here imports PyMC."""

import ast
from dataclasses import dataclass
from pathlib import Path


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


def _catalogue_folder() -> Path:
    # An installed package holds the catalogue; in a checkout it lies beside the package.
    package = Path(__file__).resolve().parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"

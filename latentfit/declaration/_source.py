"""From a catalogue name or a path to the functions that a model file holds. Needs no PyMC."""

import ast
import difflib
import inspect
import sys
import tomllib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from latentfit.declaration._lazy import deferred
from latentfit.errors import DeclarationError, InputError

REQUIRED = ("model", "latents", "e_step", "m_step")
OPTIONAL = (
    "statistics",
    "initial",
    "simulate",
    "example_data",
    "published",
    "log_likelihood",
    "objective",
    "expectations",
    "to_model",
)
# What of these belongs to the steps, and not to the declaration.
_WITH_STEPS = ("statistics", "initial", "log_likelihood", "objective", "expectations", "to_model")


@dataclass(frozen=True)
class Entry:
    """One model of the catalogue.

    Attributes
    ----------
    name : str
        What the command line calls it, such as ``gaussian-mixture``.
    title : str
        First line of the module's docstring.
    path : Path
        The model file.
    """

    name: str
    title: str
    path: Path


@dataclass(frozen=True)
class Source:
    """What a model file says, before anything of it is run.

    Attributes
    ----------
    name, title : str
        Name of the model and the first line of its docstring.
    derivation : str
        The docstring after its title: Markdown with LaTeX.
    path : Path
    contents : mapping
        The entries of the contract that the file defines.
    """

    name: str
    title: str
    derivation: str
    path: Path
    contents: Mapping[str, Any]


def _catalogue_folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def catalogue() -> list[Entry]:
    """The models that come with latentfit, by name; reads their docstrings, imports none."""
    entries = []
    for name, path in _files().items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        title, _ = _split_title(docstring)
        entries.append(Entry(name, title, path))
    return entries


def _files() -> dict[str, Path]:
    """Those of the catalogue, by the names of their models."""
    paths = sorted(_catalogue_folder().glob("[!_]*.py"))
    return {path.stem.replace("_", "-"): path for path in paths}


def read(target: str | Path) -> Source:
    """Execute a model file and collect what it declares.

    Parameters
    ----------
    target : str or Path
        A catalogue name, or the path of a ``.py`` file.

    Raises
    ------
    InputError
        No such model or file, or the file cannot be executed.
    DeclarationError
        The file lacks a part of the contract.
    """
    source = _read(_locate(target), "model", REQUIRED, OPTIONAL)
    if "published" not in source.contents and (figures := _published(source.path)):
        return replace(source, contents={**source.contents, "published": figures})
    return source


def _published(path: Path) -> tuple[dict[str, Any], ...]:
    """Figures from the literature that the catalogue holds for one of its model files."""
    folder = _catalogue_folder()
    table = folder / "published" / f"{path.stem}.toml"
    if path.resolve().parent != folder or not table.is_file():
        return ()
    try:
        return tuple(tomllib.loads(table.read_text(encoding="utf-8"))["figure"])
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise InputError(f"{table}: not a list of [[figure]] tables in TOML: {error}") from error


def read_derivation(path: str | Path) -> Source:
    """Execute a derivation file and collect its steps, and whatever else it has for them.

    A file that is a whole model serves as well: its declaration is then left out.

    Parameters
    ----------
    path : str or Path
        A ``.py`` file, or a catalogue name.

    Raises
    ------
    InputError
        No such file, or it cannot be executed.
    DeclarationError
        The file lacks a step.
    """
    return _read(_locate(path), "derivation", ("e_step", "m_step"), _WITH_STEPS)


def _read(path: Path, kind: str, required: Sequence[str], optional: Sequence[str]) -> Source:
    module = _execute(path)
    missing = [name for name in required if not hasattr(module, name)]
    if missing:
        raise DeclarationError(
            f"{path}: a {kind} file defines {', '.join(required)}; "
            f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        )
    title, derivation = _split_title(inspect.getdoc(module) or "")
    contents = {
        name: getattr(module, name) for name in (*required, *optional) if hasattr(module, name)
    }
    name = path.stem.replace("_", "-")
    return Source(name, title or name, derivation, path, contents)


def _locate(target: str | Path) -> Path:
    path = Path(target)
    if path.suffix == ".py" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise InputError(f"{path}: no such model file")
    files = _files()
    name = str(target).replace("_", "-")
    if name in files:
        return files[name]
    near = difflib.get_close_matches(name, files, n=1)
    advice = f"did you mean {near[0]}?" if near else f"it holds {', '.join(files)}"
    raise InputError(f"no model named {target!r} in the catalogue: {advice} (a path ends in .py)")


def _execute(path: Path) -> ModuleType:
    module = ModuleType(f"latentfit_model_{path.stem}")
    module.__file__ = str(path.resolve())
    # Registered, since dataclasses and pickles of the file look their module up by name.
    sys.modules[module.__name__] = module
    try:
        code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        with deferred():
            exec(code, module.__dict__)
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except Exception as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(path)
        ]
        where = f", line {lines[-1]}" if lines else ""
        raise InputError(f"{path}{where}: {type(error).__name__}: {error}") from error
    return module


def _split_title(docstring: str) -> tuple[str, str]:
    title, _, rest = docstring.strip().partition("\n")
    return title.strip(), rest.strip()


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

"""Read model files and derivation files. Nothing here imports PyMC."""

import difflib
import inspect
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from latentfit.declaration._catalogue import (
    catalogue_files,
    model_name,
    published_figures,
    split_title,
)
from latentfit.declaration._deferred_imports import deferred_imports
from latentfit.declaration.contract import (
    DERIVATION_OPTIONAL,
    DERIVATION_REQUIRED,
    MODEL_OPTIONAL,
    MODEL_REQUIRED,
)
from latentfit.errors import DeclarationError, InputError, reason_of
from latentfit.supervision import CallEnded


@dataclass(frozen=True)
class Source:
    """The contents of a model file or derivation file, before any of its functions is called.

    Attributes
    ----------
    name : str
        Name of the model, from the name of the file.
    title : str
        First line of the file's docstring; the name if there is none.
    derivation : str
        The docstring after its first line: Markdown with LaTeX.
    path : Path
        The file.
    contents : mapping
        The entries of the contract that the file defines, by name.
    """

    name: str
    title: str
    derivation: str
    path: Path
    contents: Mapping[str, Any]


def read(target: str | Path) -> Source:
    """Execute a model file and collect the entries that it defines.

    Parameters
    ----------
    target : str or Path
        A catalogue name, or the path of a ``.py`` file.

    Raises
    ------
    InputError
        If there is no such model or file, or the file raises an error when it is executed.
    DeclarationError
        If the file lacks a required entry.
    """
    source = _read(_locate(target), "model", MODEL_REQUIRED, MODEL_OPTIONAL)
    if "published" not in source.contents and (figures := published_figures(source.path)):
        return replace(source, contents={**source.contents, "published": figures})
    return source


def read_derivation(path: str | Path) -> Source:
    """Execute a derivation file and collect its steps and its optional entries.

    A model file is accepted as well; its ``model`` and ``latents`` are then ignored.

    Parameters
    ----------
    path : str or Path
        The path of a ``.py`` file, or a catalogue name.

    Raises
    ------
    InputError
        If there is no such file, or it raises an error when it is executed.
    DeclarationError
        If the file lacks ``e_step`` or ``m_step``.
    """
    return _read(_locate(path), "derivation", DERIVATION_REQUIRED, DERIVATION_OPTIONAL)


def catalogue_name(path: Path) -> str | None:
    """Return the catalogue's name for a model file; None if the file is not in the catalogue.

    The files of the catalogue are not read.
    """
    found = path.resolve()
    return next((name for name, file in catalogue_files().items() if file == found), None)


def _read(path: Path, kind: str, required: Sequence[str], optional: Sequence[str]) -> Source:
    module = _execute(path)
    missing = [name for name in required if not hasattr(module, name)]
    if missing:
        raise DeclarationError(
            f"{path}: a {kind} file defines {', '.join(required)}; "
            f"{_enumerated(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        )
    title, derivation = split_title(inspect.getdoc(module) or "")
    contents = {
        name: getattr(module, name) for name in (*required, *optional) if hasattr(module, name)
    }
    name = model_name(path)
    return Source(name, title or name, derivation, path, contents)


def _locate(target: str | Path) -> Path:
    """Return the path of the file that a catalogue name or a path stands for."""
    path = Path(target)
    if path.suffix == ".py" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise InputError(f"{path}: no such model file")
    files = catalogue_files()
    name = str(target).replace("_", "-")
    if name in files:
        return files[name]
    similar = difflib.get_close_matches(name, files, n=1)
    advice = f"did you mean {similar[0]}?" if similar else f"its models are {', '.join(files)}"
    raise InputError(
        f"no model named {target!r} in the catalogue: {advice} (a path must end in .py)"
    )


def _execute(path: Path) -> ModuleType:
    """Execute a file as a module, and turn its exceptions into errors that name the line."""
    module = ModuleType(f"latentfit_model_{path.stem}")
    module.__file__ = str(path.resolve())
    # Dataclasses and pickles that are defined in the file look their module up by its name.
    sys.modules[module.__name__] = module
    try:
        code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        with deferred_imports():
            exec(code, module.__dict__)
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (KeyboardInterrupt, CallEnded):
        raise
    except BaseException as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(path)
        ]
        where = f", line {lines[-1]}" if lines else ""
        raise InputError(f"{path}{where}: {reason_of(error)}") from error
    return module


def _enumerated(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

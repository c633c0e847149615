"""Load models from model files, and combine derivation files with models."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from latentfit.declaration.source import read, read_derivation
from latentfit.model import LatentModel


def load(target: str | Path) -> LatentModel:
    """Load a model from the catalogue or from a model file.

    Parameters
    ----------
    target : str or Path
        A catalogue name such as ``"gaussian-mixture"``, or the path of a ``.py`` file.

    Raises
    ------
    InputError
        If there is no such model or file, or the file raises an error when it is executed.
    DeclarationError
        If the file violates the contract of a model file.
    """
    source = read(target)
    return LatentModel(
        **source.contents,
        name=source.name,
        title=source.title,
        derivation=source.derivation,
    )


def load_derivation(path: str | Path, against: str | Path) -> LatentModel:
    """Load the steps of a derivation file together with the declaration of a model.

    Optional entries that the derivation file does not define are taken from the model file, with
    these exceptions: ``log_likelihood``, because the one in the model file is not part of the
    derivation; ``statistics``, because an M step without them takes the expectations; and, if the
    derivation file defines ``to_model``, ``initial`` and ``simulate``, because those of the model
    file use other parameters.

    Parameters
    ----------
    path : str or Path
        A ``.py`` file with ``e_step`` and ``m_step``, and optionally ``statistics``, ``initial``,
        ``log_likelihood``, ``objective``, ``expectations`` and ``to_model``.
    against : str or Path
        A catalogue name or the path of a model file.

    Raises
    ------
    InputError
        If a file or model does not exist, or raises an error when it is executed.
    DeclarationError
        If a file violates the contract.
    """
    source = read_derivation(path)
    contents: dict[str, Any] = {"log_likelihood": None, "statistics": None, **source.contents}
    if "to_model" in contents:
        contents = {"initial": None, "simulate": None, **contents}
    return replace(
        load(against),
        **contents,
        name=source.name,
        title=source.title,
        derivation=source.derivation,
    )

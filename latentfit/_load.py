"""Models from files, and derivations for the models of other files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from latentfit import declaration as declared
from latentfit.model import LatentModel


def load(target: str | Path) -> LatentModel:
    """A model from the catalogue, or from a model file.

    Parameters
    ----------
    target : str or Path
        A catalogue name such as ``"gaussian-mixture"``, or the path of a ``.py`` file.

    Raises
    ------
    InputError
        There is no such model or file, or the file cannot be executed.
    DeclarationError
        The file does not keep the contract of a model file.
    """
    source = declared.read(target)
    return LatentModel(
        **source.contents,
        name=source.name,
        title=source.title,
        derivation=source.derivation,
    )


def load_derivation(path: str | Path, against: str | Path) -> LatentModel:
    """Another derivation for a model: its steps with the declaration of the model.

    What the derivation file does not say is as in the model file, but for a log-likelihood,
    which is not part of the hand-in, so that nothing is said about it; and for ``statistics``:
    an M step without them takes the expectations.

    Parameters
    ----------
    path : str or Path
        A ``.py`` file that holds ``e_step`` and ``m_step``, and perhaps ``statistics``,
        ``initial``, ``log_likelihood``, ``objective``, ``expectations`` or ``to_model``.
    against : str or Path
        A catalogue name or the path of a model file.

    Raises
    ------
    InputError
        There is no such file or model, or it cannot be executed.
    DeclarationError
        A file does not keep the contract.
    """
    source = declared.read_derivation(path)
    contents: dict[str, Any] = {"log_likelihood": None, "statistics": None, **source.contents}
    if "to_model" in contents:
        # Its parameters are its own: what the model file starts from, or draws at, may not be.
        contents = {"initial": None, "simulate": None, **contents}
    return replace(
        load(against),
        **contents,
        name=source.name,
        title=source.title,
        derivation=source.derivation,
    )

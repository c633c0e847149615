"""The contract of model files and derivation files: which entries they hold, and of which form.

Nothing here imports PyMC.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from latentfit.errors import DeclarationError, brief_repr

MODEL_REQUIRED = ("model", "latents", "e_step", "m_step")
MODEL_OPTIONAL = (
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
DERIVATION_REQUIRED = ("e_step", "m_step")
DERIVATION_OPTIONAL = (
    "statistics",
    "initial",
    "log_likelihood",
    "objective",
    "expectations",
    "to_model",
)


def model_signature(build: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the data arguments and the options of a ``model`` function.

    Returns
    -------
    arguments : tuple of str
        Names of the parameters without a default value, which are the data.
    options : dict
        Names of the parameters with a default value, and that value.

    Raises
    ------
    DeclarationError
        Python cannot tell the parameters of `build`.
    """
    try:
        parameters = inspect.signature(build).parameters.values()
    except (TypeError, ValueError) as error:
        raise DeclarationError(
            "model must be a function written in Python, model(data, **options), so that the names "
            "of its arguments can be read"
        ) from error
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    arguments = tuple(p.name for p in named if p.default is p.empty)
    return arguments, {p.name: p.default for p in named if p.default is not p.empty}


def check_latents(latents: Any) -> tuple[str, ...]:
    """Return the names of the latents as a tuple; a single string is one name.

    Raises
    ------
    DeclarationError
        If `latents` is empty or holds anything but strings.
    """
    names = (latents,) if isinstance(latents, str) else latents
    if not (isinstance(names, Sequence) and names and all(isinstance(name, str) for name in names)):
        raise DeclarationError(
            f"latents must be a tuple of strings, the names of the free variables that EM treats "
            f"as missing data, such as ('z',); got {brief_repr(latents)}"
        )
    return tuple(names)

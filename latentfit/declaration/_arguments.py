"""The data and options that a declaration's ``model`` function takes. Needs no PyMC."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.errors import DeclarationError, InputError

Data = dict[str, np.ndarray]


def signature(build: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Data arguments and options of a ``model`` function.

    Returns
    -------
    arguments : tuple of str
        Parameters without a default: the data.
    options : dict
        Parameters with one, and the default.
    """
    parameters = inspect.signature(build).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    arguments = tuple(p.name for p in named if p.default is p.empty)
    return arguments, {p.name: p.default for p in named if p.default is not p.empty}


def arrays(values: Any, arguments: Sequence[str]) -> Data:
    """Check the data that a person hands in, and name them by argument.

    Parameters
    ----------
    values : mapping or array_like
        ``{argument: array}``; the array itself will do where there is one argument.
    arguments : sequence of str

    Returns
    -------
    dict
        One array an argument, missing values as NaN (or masked, where they came masked).

    Raises
    ------
    InputError
        An argument is missing or unknown, or holds text, infinite values or nothing at all.
    """
    named = by_name(values, arguments)
    for unknown in named.keys() - set(arguments):
        raise InputError(f"the model takes no data named {unknown!r}, only {', '.join(arguments)}")
    for argument in arguments:
        if argument not in named:
            raise InputError(f"no data for {argument!r}: the model takes {', '.join(arguments)}")
    found = {argument: numbers(argument, named[argument]) for argument in arguments}
    for argument, array in found.items():
        if array.size and np.all(np.ma.getmaskarray(_masked_if_missing(array))):
            raise InputError(f"{argument} holds nothing but missing values")
    rows = {len(array) for array in found.values() if array.ndim and array.size}
    for argument, array in found.items():
        # A matrix without columns is no covariates, for rows that another argument has.
        if array.size == 0 and not (array.ndim == 2 and len(array) in rows):
            raise InputError(f"{argument} is empty")
    return found


def masked(data: Mapping[str, np.ndarray]) -> Data:
    """The same data as the E and M steps see them: masked where values are missing."""
    return {name: _masked_if_missing(array) for name, array in data.items()}


def typed(values: np.ndarray, data: np.ndarray) -> np.ndarray:
    """A copy of new values in the type of the data; fractions are not cut off for that."""
    fractions = values.dtype.kind == "f" and data.dtype.kind != "f"
    return values.astype(values.dtype if fractions else data.dtype)


def check_missing(name: str, data: Mapping[str, np.ndarray], latents: Sequence[str]) -> None:
    """Missing values need a latent, ``<name>_unobserved``, and that latent missing values.

    Raises
    ------
    InputError
        One is there without the other.
    """
    check_holes(name, {argument: holes(array) for argument, array in data.items()}, latents)


def holes(array: np.ndarray) -> tuple[int, str]:
    """How many values are missing, and where the first of them is."""
    missing = np.ma.getmaskarray(_masked_if_missing(array))
    count = int(np.count_nonzero(missing))
    return count, f"row {np.argwhere(missing)[0][0] + 1}" if count else ""


def check_holes(name: str, found: Mapping[str, tuple[int, str]], latents: Sequence[str]) -> None:
    """The same as `check_missing`, of what `holes` says of each argument."""
    imputed = {latent.removesuffix("_unobserved") for latent in latents} - set(latents)
    if not imputed <= found.keys():
        return
    for argument, (count, first) in found.items():
        if argument in imputed and not count:
            raise InputError(
                f"{argument} has no missing values, and they are what {name} treats as latent "
                f"({argument}_unobserved)"
            )
        if argument not in imputed and count:
            raise InputError(
                f"{argument} has {count} missing value{'s' if count > 1 else ''}, first in "
                f"{first}, and {name} has no latent for them ({argument}_unobserved)"
            )


def by_name(values: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Data by argument; what they are is not looked at."""
    # A mapping has keys, and so has a table of columns; an array has not.
    if hasattr(values, "keys"):
        return {str(name): values[name] for name in values.keys()}  # noqa: SIM118
    if len(arguments) == 1:
        return {arguments[0]: values}
    raise InputError(f"the model takes {', '.join(arguments)}: give them by name")


def numbers(name: str, values: Any) -> np.ndarray:
    """An array of integers or of numbers in double precision, missing ones as NaN or masked.

    Raises
    ------
    InputError
        It holds text or infinite values.
    """
    array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    if array.dtype.kind not in "biu":
        try:
            array = array.astype(float, copy=False)
        except (TypeError, ValueError):
            raise InputError(f"{name} holds {array.dtype} values where numbers belong") from None
    visible = np.ma.getdata(array)
    infinite = np.argwhere(np.isinf(visible) & ~np.ma.getmaskarray(array))
    if len(infinite):
        row = infinite[0][0] + 1 if array.ndim else 1
        raise InputError(f"{name} holds an infinite value in row {row}")
    return array


def _masked_if_missing(array: np.ndarray) -> np.ndarray:
    mask = np.ma.getmaskarray(array)
    if array.dtype.kind == "f":
        mask = mask | np.isnan(np.ma.getdata(array))
    return np.ma.array(np.ma.getdata(array), mask=mask) if mask.any() else np.ma.getdata(array)


def check_latents(latents: Any) -> tuple[str, ...]:
    """The names of the latents as a tuple; a single string is one name."""
    names = (latents,) if isinstance(latents, str) else tuple(latents)
    if not names or not all(isinstance(name, str) for name in names):
        raise DeclarationError(
            f"latents names the free variables that EM treats as missing data, as a tuple of "
            f"strings; got {latents!r}"
        )
    return names

"""Check, convert and mask the data arrays that a model takes. Nothing here imports PyMC."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.errors import InputError

Data = dict[str, np.ndarray]


def validate_data(values: Any, arguments: Sequence[str]) -> Data:
    """Convert the data that a user passes to numeric arrays, one for each argument of the model.

    Parameters
    ----------
    values : mapping or array_like
        ``{argument: array}``. The array itself is accepted if the model takes one argument.
    arguments : sequence of str
        Names of the model's data arguments.

    Returns
    -------
    dict
        One array for each argument. Missing values are NaN, or masked if `values` masked them.

    Raises
    ------
    InputError
        If an argument is missing or unknown, or if it holds text, an infinite value, nothing but
        missing values, or no values.
    """
    named = by_argument(values, arguments)
    for unknown in named.keys() - set(arguments):
        raise InputError(f"the model takes no data named {unknown!r}, only {', '.join(arguments)}")
    for argument in arguments:
        if argument not in named:
            raise InputError(f"no data for {argument!r}: the model takes {', '.join(arguments)}")
    data = {argument: numeric_array(argument, named[argument]) for argument in arguments}
    for argument, array in data.items():
        if array.size and np.all(np.ma.getmaskarray(_mask_missing(array))):
            raise InputError(f"{argument} holds nothing but missing values")
    row_counts = {len(array) for array in data.values() if array.ndim and array.size}
    for argument, array in data.items():
        # A matrix with rows but without columns states that there are no covariates. It is valid
        # if another argument has the same number of rows.
        if array.size == 0 and not (array.ndim == 2 and len(array) in row_counts):
            raise InputError(f"{argument} is empty")
    return data


def by_argument(values: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Return data by argument name, without converting or checking the values.

    Parameters
    ----------
    values : mapping, table of columns or array_like
        Anything with ``keys`` is read by name. Anything else is the data of the only argument.
    arguments : sequence of str
        Names of the model's data arguments.

    Raises
    ------
    InputError
        If `values` has no names and the model takes several arguments.
    """
    if hasattr(values, "keys"):
        # A data frame is iterated by its keys as well, but is no Mapping.
        return {str(name): values[name] for name in values.keys()}  # noqa: SIM118
    if len(arguments) == 1:
        return {arguments[0]: values}
    raise InputError(
        f"the model takes {', '.join(arguments)}: pass a mapping from these names to arrays"
    )


def numeric_array(name: str, values: Any) -> np.ndarray:
    """Convert values to an array of integers, booleans or double precision numbers.

    Parameters
    ----------
    name : str
        What error messages call the array.
    values : array_like
        Missing values are NaN or masked.

    Returns
    -------
    ndarray
        `values` itself, not a copy, if its type is suitable.

    Raises
    ------
    InputError
        If `values` holds text or an infinite value.
    """
    array = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    if array.dtype.kind not in "biu":
        try:
            array = array.astype(float, copy=False)
        except (TypeError, ValueError):
            raise InputError(f"{name} holds {array.dtype} values; expected numbers") from None
    visible = np.ma.getdata(array)
    infinite = np.argwhere(np.isinf(visible) & ~np.ma.getmaskarray(array))
    if len(infinite):
        row = infinite[0][0] + 1 if array.ndim else 1
        raise InputError(f"{name} holds an infinite value in row {row}")
    return array


def cast_like(values: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Copy `values` to the dtype of `data`, unless that would truncate fractions."""
    would_truncate = values.dtype.kind == "f" and data.dtype.kind != "f"
    return values.astype(values.dtype if would_truncate else data.dtype)


def mask_missing(data: Mapping[str, np.ndarray]) -> Data:
    """Return the data as the E and M steps receive them.

    An array with missing values becomes a masked array; any other becomes a plain array.
    """
    return {name: _mask_missing(array) for name, array in data.items()}


def count_missing(array: np.ndarray) -> tuple[int, str]:
    """Count the missing values of an array and locate the first of them.

    Returns
    -------
    count : int
    first : str
        Such as ``"row 3"``, counted from 1; empty if no value is missing.
    """
    missing = np.ma.getmaskarray(_mask_missing(array))
    count = int(np.count_nonzero(missing))
    return count, f"row {np.argwhere(missing)[0][0] + 1}" if count else ""


def check_missing(model: str, data: Mapping[str, np.ndarray], latents: Sequence[str]) -> None:
    """Check that data have missing values exactly where the model has a latent for them.

    The latent of an argument ``y`` with missing values is ``y_unobserved``.

    Parameters
    ----------
    model : str
        What error messages call the model.
    data : mapping
        Data arrays by argument.
    latents : sequence of str
        Names of the latents.

    Raises
    ------
    InputError
        If an argument has missing values and no latent, or a latent and no missing values.
    """
    counts = {argument: count_missing(array) for argument, array in data.items()}
    check_missing_counts(model, counts, latents)


def check_missing_counts(
    model: str, counts: Mapping[str, tuple[int, str]], latents: Sequence[str]
) -> None:
    """Check the same as `check_missing`, from the result of `count_missing` for each argument.

    Raises
    ------
    InputError
        If an argument has missing values and no latent, or a latent and no missing values.
    """
    imputed = {latent.removesuffix("_unobserved") for latent in latents} - set(latents)
    if not imputed <= counts.keys():
        return
    for argument, (count, first) in counts.items():
        if argument in imputed and not count:
            raise InputError(
                f"{argument} has no missing values, but {model} treats the missing values of "
                f"{argument} as its latent {argument}_unobserved"
            )
        if argument not in imputed and count:
            raise InputError(
                f"{argument} has {count} missing value{'s' if count > 1 else ''}, the first in "
                f"{first}, but {model} has no latent {argument}_unobserved for them"
            )


def _mask_missing(array: np.ndarray) -> np.ndarray:
    mask = np.ma.getmaskarray(array)
    if array.dtype.kind == "f":
        mask = mask | np.isnan(np.ma.getdata(array))
    return np.ma.array(np.ma.getdata(array), mask=mask) if mask.any() else np.ma.getdata(array)

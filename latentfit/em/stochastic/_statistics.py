"""Signatures and values of statistics that add over units."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.errors import DeclarationError

Statistics = dict[str, np.ndarray]


def takes_params(statistics: Callable[..., Any]) -> bool:
    """Whether a function has the signature ``statistics(expectations, data, params)``.

    As for an M step, a third argument with a default is a setting of the author's, unless it is
    called params.
    """
    try:
        parameters = list(inspect.signature(statistics).parameters.values())
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    return required > 2 or (len(positional) > 2 and positional[2].name == "params")


def refuse_params(statistics: Callable[..., Any]) -> None:
    """Refuse statistics that depend on the current parameters.

    Raises
    ------
    DeclarationError
        The function takes the params.
    """
    if takes_params(statistics):
        raise DeclarationError(
            "statistics(expectations, data, params) depends on the parameters of its own iteration "
            "and cannot be averaged with statistics of other iterations: expected "
            "statistics(expectations, data), sums of powers of the data, less a fixed centre if "
            "the data are far from zero"
        )


def as_arrays(values: Any, reference: Mapping[str, np.ndarray] | None) -> Statistics:
    """Convert the statistics of a part of the data to arrays, and validate them.

    Parameters
    ----------
    values : mapping
        What the statistics function returned, ``{name: array_like}``.
    reference : mapping or None
        The statistics of the first part of the data, whose names and shapes are expected.

    Raises
    ------
    DeclarationError
        The values are not a mapping of numeric arrays, or differ from the reference in names or
        shapes.
    """
    if not isinstance(values, Mapping) or not values:
        kind = "an empty mapping" if isinstance(values, Mapping) else type(values).__name__
        raise DeclarationError(f"statistics returned {kind}, expected a mapping {{name: array}}")
    arrays = {}
    for name, value in values.items():
        try:
            filled = np.ma.filled(value.astype(float), np.nan) if np.ma.isMA(value) else value
            arrays[name] = np.asarray(filled, dtype=float)
        except (TypeError, ValueError):
            raise DeclarationError(
                f"statistics returned {type(value).__name__} for {name}, expected a number or an "
                f"array of numbers"
            ) from None
    if reference is None:
        return arrays
    if arrays.keys() != reference.keys():
        raise DeclarationError(
            f"statistics returned {', '.join(map(str, arrays))}, but for the first part of the "
            f"data {', '.join(map(str, reference))}"
        )
    for name, array in arrays.items():
        if array.shape != reference[name].shape:
            raise DeclarationError(
                f"statistics returned {name} of shape {array.shape}, but of shape "
                f"{reference[name].shape} for the first part of the data: this is not a sum over "
                f"units"
            )
    return arrays

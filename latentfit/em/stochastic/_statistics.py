"""Statistics that add over units, and their signatures."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.errors import DeclarationError

Sums = dict[str, np.ndarray]


def takes_params(statistics: Callable[..., Any]) -> bool:
    """Whether it is ``statistics(expectations, data, params)``.

    As with ``m_step``: a third argument with a default is a setting of the author's, unless it is
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
    """Raise DeclarationError for statistics that are about the current parameters."""
    if takes_params(statistics):
        raise DeclarationError(
            "statistics(expectations, data, params) is about the parameters of its own iteration "
            "and cannot be averaged with that of others: expected statistics(expectations, data), "
            "sums of powers of the data, less a fixed centre where they lie far from zero"
        )


def checked(values: Any, like: Mapping[str, np.ndarray] | None) -> Sums:
    """The statistics of a part of the data as arrays, names and shapes as in the first part."""
    if not isinstance(values, Mapping) or not values:
        kind = "an empty mapping" if isinstance(values, Mapping) else type(values).__name__
        raise DeclarationError(f"statistics returned {kind}, expected a mapping {{name: array}}")
    found = {}
    for name, value in values.items():
        try:
            filled = np.ma.filled(value.astype(float), np.nan) if np.ma.isMA(value) else value
            found[name] = np.asarray(filled, dtype=float)
        except (TypeError, ValueError):
            raise DeclarationError(
                f"statistics returned {type(value).__name__} for {name}, expected a number or an "
                f"array of numbers"
            ) from None
    if like is None:
        return found
    if found.keys() != like.keys():
        raise DeclarationError(
            f"statistics returned {', '.join(map(str, found))}, where those of the first part of "
            f"the data were {', '.join(map(str, like))}"
        )
    for name, array in found.items():
        if array.shape != like[name].shape:
            raise DeclarationError(
                f"statistics returned {name} of shape {array.shape}, {like[name].shape} for the "
                f"first part of the data: not a sum over units"
            )
    return found

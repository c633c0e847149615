"""Validation of arguments that several algorithms have."""

import operator
import secrets

import numpy as np

from latentfit.errors import InputError


def whole_number(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return an argument as an int within limits.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
    least, most : int
        Smallest and largest allowed value, both included.

    Raises
    ------
    InputError
        The value is not a whole number within the limits.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        limits = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InputError(f"{name} must be a whole number, {limits}, not {value!r}")
    return number


def seeded_generator(seed: int | None) -> tuple[np.random.Generator, int]:
    """Return a random generator and its seed, which is chosen at random if it is None."""
    known = secrets.randbits(31) if seed is None else whole_number("seed", seed, 0)
    return np.random.default_rng(known), known

"""Arguments that the algorithms share."""

import operator
import secrets

import numpy as np

from latentfit.errors import InputError


def whole(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """A whole number within limits.

    Raises
    ------
    InputError
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        limits = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InputError(f"{name} must be a whole number, {limits}, not {value!r}")
    return number


def generator(seed: int | None) -> tuple[np.random.Generator, int]:
    """A generator, and the seed that gives it again."""
    known = secrets.randbits(31) if seed is None else whole("seed", seed, 0)
    return np.random.default_rng(known), known

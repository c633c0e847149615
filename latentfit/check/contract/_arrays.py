"""``contract.shapes`` and ``contract.values``: arrays of the right shape, real finite numbers."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.contract._breaches import Breach
from latentfit.check.contract._calling import Call
from latentfit.em.calls import brief

Shape = tuple[int, ...]

_UNDERFLOW = (
    "in these rows every probability is 0/0, because all densities underflow to zero: work with "
    "logarithms, and subtract the largest of each row before np.exp"
)


def validate(
    call: Call, name: str, expected: Shape | None, *, probabilities: bool = False
) -> Iterator[Breach]:
    """Yield a breach if one entry of the result has a wrong shape or unusable numbers.

    Parameters
    ----------
    call : Call
        Whose result is a mapping with an entry of that name.
    name : str
    expected : tuple of int or None
        The right shape; None if it is not known.
    probabilities : bool
        Whether the entry holds probabilities of categories along its last axis.
    """
    function, trial, value = call.function, call.trial, call.result[name]
    returned = f"{function} returns {name}"
    try:
        array = np.asanyarray(value)
    except ValueError:
        message = (
            f"{returned} as sequences of different lengths; an array of shape {expected} is "
            f"expected"
        )
        yield Breach("shapes", function, name, trial, message)
        return
    if array.dtype.kind not in "fiub":
        kind = "complex numbers" if array.dtype.kind == "c" else f"type {array.dtype}"
        message = f"{returned} = {brief(array)}, of {kind}; real numbers are expected"
        yield Breach("values", function, name, trial, message)
        return
    if expected is not None and array.shape != expected:
        yield Breach(
            "shapes",
            function,
            name,
            trial,
            f"{returned} with shape {array.shape}; expected {expected}",
            _shape_hint(array.shape, expected, probabilities),
            {"given": list(array.shape), "expected": list(expected)},
        )
    unusable = np.ma.getmaskarray(array) | ~np.isfinite(np.ma.getdata(array))
    if np.any(unusable):
        fault = "masked" if np.ma.is_masked(array) else "not finite"
        count = f"{np.sum(unusable)} of {unusable.size} numbers are" if unusable.ndim else "it is"
        message = f"{returned} = {brief(array)}: {count} {fault}"
        hint = _UNDERFLOW if probabilities and _whole_rows_are_nan(array) else None
        evidence = {} if np.ma.is_masked(array) else {"not_finite": int(np.sum(unusable))}
        yield Breach("values", function, name, trial, message, hint, evidence)


def _shape_hint(given: Shape, expected: Shape, probabilities: bool) -> str | None:
    if probabilities and given == expected[:-1]:
        return "the probabilities of all categories are expected, along the last axis"
    if len(given) > 1 and given == expected[::-1]:
        return "the array is transposed"
    if [n for n in given if n != 1] == [n for n in expected if n != 1]:
        return (
            "the shapes differ only by axes of length 1: is keepdims=True wrong, or a slice where "
            "an index belongs?"
        )
    if given == ():
        return "one number is returned for the whole array: np.full(shape, number) makes the array"
    return None


def _whole_rows_are_nan(array: np.ndarray) -> bool:
    """Return whether every row is NaN in all its entries, or finite in all."""
    if array.ndim < 2 or np.ma.is_masked(array):
        return False
    nan = np.isnan(array)
    return bool(np.all(nan.all(axis=-1) == ~np.isfinite(array).all(axis=-1)))

"""Numbers as text, with as many digits as their uncertainty justifies."""

import math
from collections.abc import Sequence

__all__ = [
    "MISSING",
    "align_decimals",
    "five_digits",
    "seconds",
    "to_uncertainty",
    "two_digits",
    "typeset",
    "with_decimals",
]

MISSING = "—"

# A figure space is as wide as a digit, a punctuation space as wide as a full stop.
_FIGURE_SPACE, _PUNCTUATION_SPACE = "\u2007", "\u2008"

# Numbers of at least this size, or with more decimals than these, are written with an exponent.
_MAX_FIXED_POINT = 1e7
_MAX_DECIMALS = 7
# Significant digits after the first one that a double has.
_MAX_EXPONENT_DECIMALS = 15


def to_uncertainty(value: float, scale: float) -> str:
    """Write a number to about a hundredth of its uncertainty.

    Parameters
    ----------
    value : float
    scale : float
        A standard deviation in the same unit of measurement. Two numbers with the same text differ
        by less than a tenth of it.
    """
    if not math.isfinite(value):
        return _not_finite(value)
    if not (math.isfinite(scale) and scale > 0):
        return five_digits(value)
    decimals = 1 - math.floor(math.log10(scale))
    if abs(value) >= _MAX_FIXED_POINT or decimals > _MAX_DECIMALS:
        size = max(abs(value), scale)
        digits = max(0, decimals + math.floor(math.log10(size)))
        return _short_exponent(f"{value:.{min(digits, _MAX_EXPONENT_DECIMALS)}e}")
    return _without_signed_zero(f"{value:.{max(decimals, 0)}f}")


def two_digits(value: float) -> str:
    """Write a difference, of which the order of magnitude matters, with two significant digits."""
    if not math.isfinite(value):
        return _not_finite(value)
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    return _short_exponent(f"{value:.0e}")


def five_digits(value: float) -> str:
    """Write a number whose uncertainty is unknown, with five significant digits."""
    if not math.isfinite(value):
        return _not_finite(value)
    number = f"{value:.5g}"
    return _short_exponent(number) if "e" in number else number


def with_decimals(value: float, decimals: int) -> str:
    """Write a number with a given number of decimals."""
    if not math.isfinite(value):
        return _not_finite(value)
    return _without_signed_zero(f"{value:.{decimals}f}")


def seconds(value: float) -> str:
    """Write a duration in seconds: whole seconds from ten on, else two significant digits."""
    if not math.isfinite(value):
        return _not_finite(value)
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def typeset(number: str) -> str:
    """Replace hyphens by minus signs."""
    return number.replace("-", "−")


def align_decimals(numbers: Sequence[str]) -> list[str]:
    """Pad a column of numbers so that decimal points are aligned when the column is right-aligned.

    A column that contains exponents has no common decimal point, and only gets minus signs.
    """
    tails = [number.partition(".")[2] for number in numbers]
    longest = max(map(len, tails), default=0)
    if not longest or any("e" in number for number in numbers):
        return [typeset(number) for number in numbers]
    return [
        typeset(number)
        + ("" if tail else _PUNCTUATION_SPACE)
        + _FIGURE_SPACE * (longest - len(tail))
        if number[-1].isdigit()
        else typeset(number)
        for number, tail in zip(numbers, tails, strict=True)
    ]


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return MISSING
    return "∞" if value > 0 else "-∞"


def _without_signed_zero(number: str) -> str:
    return number[1:] if number.startswith("-") and not number.strip("-0.") else number


def _short_exponent(number: str) -> str:
    mantissa, _, exponent = number.partition("e")
    return f"{mantissa}e{int(exponent)}"

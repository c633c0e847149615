"""Numbers with as many digits as they deserve."""

import math
from collections.abc import Sequence

MISSING = "—"

# A figure space is as wide as a digit, a punctuation space as wide as a full stop.
_FIGURE, _PUNCTUATION = "\u2007", "\u2008"


def to_scale(value: float, scale: float) -> str:
    """A number to about a hundredth of its uncertainty.

    Parameters
    ----------
    value : float
    scale : float
        A standard deviation in the same units. Two numbers that print alike differ by less
        than a tenth of it.
    """
    if not math.isfinite(value):
        return _unusual(value)
    if not (math.isfinite(scale) and scale > 0):
        return plain(value)
    decimals = 1 - math.floor(math.log10(scale))
    if abs(value) >= 1e7 or decimals > 7:
        size = max(abs(value), scale)
        digits = max(0, decimals + math.floor(math.log10(size)))
        return _short_exponent(f"{value:.{min(digits, 15)}e}")
    return _unsigned_zero(f"{value:.{max(decimals, 0)}f}")


def brief(value: float) -> str:
    """Two significant digits: for differences, of which the order of magnitude matters."""
    if not math.isfinite(value):
        return _unusual(value)
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    return _short_exponent(f"{value:.0e}")


def plain(value: float) -> str:
    """Five significant digits: where there is no uncertainty to go by."""
    if not math.isfinite(value):
        return _unusual(value)
    number = f"{value:.5g}"
    return _short_exponent(number) if "e" in number else number


def fixed(value: float, decimals: int) -> str:
    """A number with a fixed count of decimals."""
    if not math.isfinite(value):
        return _unusual(value)
    return _unsigned_zero(f"{value:.{decimals}f}")


def seconds(value: float) -> str:
    """A duration in seconds, to what a person would notice."""
    if not math.isfinite(value):
        return _unusual(value)
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def typeset(number: str) -> str:
    """With a minus sign in place of the hyphen."""
    return number.replace("-", "−")


def aligned(numbers: Sequence[str]) -> list[str]:
    """Pad a column so that its decimal points stand under one another when set flush right.

    A column with exponents in it has no common decimal point and is only typeset.
    """
    tails = [number.partition(".")[2] for number in numbers]
    longest = max(map(len, tails), default=0)
    if not longest or any("e" in number for number in numbers):
        return [typeset(number) for number in numbers]
    return [
        typeset(number) + ("" if tail else _PUNCTUATION) + _FIGURE * (longest - len(tail))
        if number[-1].isdigit()
        else typeset(number)
        for number, tail in zip(numbers, tails, strict=True)
    ]


def _unusual(value: float) -> str:
    if math.isnan(value):
        return MISSING
    return "∞" if value > 0 else "-∞"


def _unsigned_zero(number: str) -> str:
    return number[1:] if number.startswith("-") and not number.strip("-0.") else number


def _short_exponent(number: str) -> str:
    mantissa, _, exponent = number.partition("e")
    return f"{mantissa}e{int(exponent)}"

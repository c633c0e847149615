"""Options of the model on the command line: ``--set name=value`` and ``--set name=1..6``."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from latentfit.errors import InputError

if TYPE_CHECKING:
    from latentfit.model import LatentModel

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")

# For the type of an option's default: the types that a setting may have, and what they are called.
_ACCEPTED_TYPES: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    float: ((float, int), "a number"),
    str: ((str,), "a word"),
}


@dataclass(frozen=True)
class Range:
    """Whole numbers from `first` to `last`, both included, written as ``1..6``."""

    first: int
    last: int

    def __iter__(self) -> Iterator[int]:
        """Iterate over the numbers in increasing order."""
        return iter(range(self.first, self.last + 1))

    def __str__(self) -> str:
        """Return the range as it is written on the command line."""
        return f"{self.first}..{self.last}"


def parse_settings(
    context: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> dict[str, Any]:
    """Parse the values of ``--set``, as a callback of Click.

    A value is a `Range`, a Python literal, or else the text itself.

    Raises
    ------
    click.BadParameter
        If a text is not of the form ``name=value``, or a range is not increasing.
    """
    settings = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (separator and name.isidentifier()):
            raise click.BadParameter(f"{text!r} is not of the form name=value", context, parameter)
        settings[name] = _parse_value(text, value, context, parameter)
    return settings


def check_settings(model: "LatentModel", settings: Mapping[str, Any]) -> None:
    """Check that settings are single values whose types are those of the model's defaults.

    Raises
    ------
    InputError
        If the model has no such option, a setting is a range, or it has another type than the
        default value of the option.
    """
    _check_names(model, settings)
    for name, value in settings.items():
        if isinstance(value, Range):
            raise InputError(
                f"--set {name}={value}: only fit and compare take a range; give a single value, "
                f"such as {value.first}"
            )
        default = model.options[name]
        types, expected = _ACCEPTED_TYPES.get(type(default), ((type(value),), ""))
        if type(value) not in types:
            ranges = "; fit and compare also take a range, such as 1..6" if types == (int,) else ""
            raise InputError(
                f"--set {name}={value}: expected {expected}, such as the default {default!r}"
                f"{ranges}"
            )


def _check_names(model: "LatentModel", settings: Mapping[str, Any]) -> None:
    for name in settings:
        if name not in model.options:
            known = ", ".join(model.options) or "none"
            raise InputError(f"--set: {model.name} has no option {name!r}; it has {known}")


def split_range(
    model: "LatentModel", settings: Mapping[str, Any]
) -> tuple[tuple[str, Range] | None, dict[str, Any]]:
    """Separate the option that is a range from the options that are single values.

    Returns
    -------
    option : tuple of (str, Range) or None
        Name and range of the option that is a range, if there is one.
    settings : dict
        All other settings.

    Raises
    ------
    InputError
        If several options are ranges, or the option is not a whole number; and for the other
        settings as `check_settings`.
    """
    ranges = {name: value for name, value in settings.items() if isinstance(value, Range)}
    others = {name: value for name, value in settings.items() if name not in ranges}
    check_settings(model, others)
    if len(ranges) > 1:
        raise InputError(f"only one option may be a range, but {' and '.join(ranges)} are")
    for name, value in ranges.items():
        # The model itself refuses an option that it does not have, and says which it has.
        default = model.options.get(name, value.first)
        if type(default) is not int:
            raise InputError(
                f"--set {name}={value}: only an option that is a whole number can be a range, and "
                f"the default of {name} is {default!r}"
            )
    return next(iter(ranges.items()), None), others


def _parse_value(
    setting: str, text: str, context: click.Context, parameter: click.Parameter
) -> Any:
    if ends := _RANGE.fullmatch(text):
        first, last = map(int, ends.groups())
        if first > last:
            raise click.BadParameter(
                f"{setting}: a range must increase, as in {last}..{first}", context, parameter
            )
        return Range(first, last)
    try:
        return ast.literal_eval(text)
    # A text with many brackets exhausts the parser.
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text

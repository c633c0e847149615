"""From the arguments of a command to a model and its data."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._options import Range
from latentfit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from distributed import Client

    from latentfit.model import LatentModel

# The kind of a default, the kinds that may stand in its place, and their name.
_KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    float: ((float, int), "a number"),
    str: ((str,), "a word"),
}


def table(
    model: "LatentModel", path: Path | None, columns: Sequence[str]
) -> "dict[str, np.ndarray] | None":
    """The data of a model out of a CSV file; None, which is its example data, without one."""
    if path is None:
        if columns:
            raise click.UsageError("--column needs --data", click.get_current_context())
        return None
    from latentfit.declaration import bind, read_table

    return bind(model.arguments, read_table(path), columns, model.matrices)


@contextmanager
def connected(address: str | None) -> "Iterator[Client]":
    """A client of the cluster at an address, or of one of this machine's own."""
    from latentfit.em import distributed

    with distributed.local() if address is None else distributed.connect(address) as client:
        yield client


def check_settings(model: "LatentModel", settings: Mapping[str, Any]) -> None:
    """Raise `InputError` for a range, or an option of another kind than its default."""
    for name, value in settings.items():
        if isinstance(value, Range):
            raise InputError(
                f"--set {name}={value}: a range is for fit and compare; here it is one value, "
                f"such as {value.first}"
            )
        default = model.options.get(name)
        kinds, expected = _KINDS.get(type(default), ((type(value),), ""))
        if type(value) not in kinds:
            also = "; fit and compare take a range of them too, 1..6" if kinds == (int,) else ""
            raise InputError(
                f"--set {name}={value}: expected {expected}, such as the default {default!r}{also}"
            )


def varied(
    model: "LatentModel", settings: Mapping[str, Any]
) -> tuple[tuple[str, Range] | None, dict[str, Any]]:
    """The option that is given as a range, if there is one, and the others.

    Raises
    ------
    InputError
        There are several, or the option is no whole number; or as `check_settings`.
    """
    ranges = {name: value for name, value in settings.items() if isinstance(value, Range)}
    others = {name: value for name, value in settings.items() if name not in ranges}
    check_settings(model, others)
    if len(ranges) > 1:
        raise InputError(f"one option may be a range, not {' and '.join(ranges)}")
    for name, value in ranges.items():
        # An option that there is not, the model itself complains of.
        default = model.options.get(name, value.first)
        if type(default) is not int:
            raise InputError(
                f"--set {name}={value}: a range is for whole numbers, and the default of {name} "
                f"is {default!r}"
            )
    return next(iter(ranges.items()), None), others

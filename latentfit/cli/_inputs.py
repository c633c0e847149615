"""From the arguments of a command to a model and its data."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
    """Raise `InputError` for an option of another kind than its default."""
    for name, value in settings.items():
        default = model.options.get(name)
        kinds, expected = _KINDS.get(type(default), ((type(value),), ""))
        if type(value) not in kinds:
            raise InputError(
                f"--set {name}={value}: expected {expected}, such as the default {default!r}"
            )

"""From the arguments of a command to a model and its data."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np

    from latentfit.model import LatentModel


def table(
    model: "LatentModel", path: Path | None, columns: Sequence[str]
) -> "dict[str, np.ndarray] | None":
    """The data of a model out of a CSV file; None, which is its example data, without one."""
    if path is None:
        if columns:
            raise click.UsageError("--column needs --data", click.get_current_context())
        return None
    from latentfit.declaration._table import bind, read_table

    return bind(model.arguments, read_table(path), columns)

"""Find the data of a command: a CSV file, or a cluster for a folder of Parquet files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np
    from distributed import Client

    from latentfit.model import LatentModel


def read_data(
    model: "LatentModel", path: Path | None, choices: Sequence[str]
) -> "dict[str, np.ndarray] | None":
    """Read the data arguments of a model from a CSV file.

    Parameters
    ----------
    model : LatentModel
    path : Path or None
        The CSV file.
    choices : sequence of str
        The values of ``--column``.

    Returns
    -------
    dict or None
        Arrays by argument. None, which stands for the model's example data, if there is no path.

    Raises
    ------
    click.UsageError
        If there are choices and no path.
    InputError
        If the file cannot be read, or its columns are not the data of the model.
    """
    if path is None:
        if choices:
            raise click.UsageError("--column needs --data", click.get_current_context())
        return None
    from latentfit.declaration.columns import bind_columns
    from latentfit.declaration.csv_table import read_table

    return bind_columns(model.arguments, read_table(path), choices, model.matrices)


@contextmanager
def cluster_client(address: str | None) -> "Iterator[Client]":
    """Connect to the Dask cluster at an address, or to one that is started on this machine."""
    from latentfit.em import distributed

    with distributed.local() if address is None else distributed.connect(address) as client:
        yield client

"""Distributed data of any kind as chunks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latentfit.em.distributed._arrays import from_arrays
from latentfit.em.distributed._chunked_data import ChunkedData
from latentfit.em.distributed._frame import from_frame
from latentfit.em.distributed._parquet import from_files
from latentfit.errors import InputError


def chunked_data(
    data: Any,
    arguments: Sequence[str],
    *,
    chosen: Sequence[str] = (),
    matrices: Sequence[str] = (),
) -> ChunkedData:
    """Divide the data of a model into chunks, one for each task.

    Parameters
    ----------
    data : mapping, Dask collection or path
        ``{argument: Dask array}``, in which other values than Dask arrays are not split; a Dask
        array, if the model has one argument; a Dask dataframe; or a folder of Parquet files.
    arguments : sequence of str
        The arguments of the model.
    chosen, matrices : sequence of str
        Which columns of a dataframe or of Parquet files belong to which argument, and which
        arguments are matrices, as in `latentfit.declaration.columns.bind_columns`.

    Raises
    ------
    InputError
        An argument is missing or unknown, arrays are not split in the same rows, or a file cannot
        be read or lacks a column.
    """
    if isinstance(data, str | Path):
        return from_files(Path(data), arguments, chosen, matrices)
    if hasattr(data, "columns"):
        return from_frame(data, arguments, chosen, matrices)
    if chosen:
        raise InputError("columns can be chosen from a dataframe or Parquet files, not from arrays")
    return from_arrays(data, arguments)

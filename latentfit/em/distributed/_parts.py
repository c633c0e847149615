"""Data that are elsewhere, of whatever kind, as parts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latentfit.em.distributed._arrays import from_arrays
from latentfit.em.distributed._frame import from_frame
from latentfit.em.distributed._parquet import from_files
from latentfit.em.distributed._part import Parts
from latentfit.errors import InputError


def parts(
    data: Any,
    arguments: Sequence[str],
    *,
    chosen: Sequence[str] = (),
    matrices: Sequence[str] = (),
) -> Parts:
    """Say which part of the data of a model is which task's.

    Parameters
    ----------
    data : mapping, Dask collection or path
        ``{argument: Dask array}``, of which those that are no Dask arrays are not split; a Dask
        array, where there is one argument; a Dask dataframe; or a folder of Parquet files.
    arguments : sequence of str
    chosen, matrices : sequence of str
        Which columns of a dataframe or of Parquet files are which argument, as in `declared.bind`.

    Raises
    ------
    InputError
        An argument is missing or unknown, arrays are not split in the same rows, a file cannot be
        read or lacks a column.
    """
    if isinstance(data, str | Path):
        return from_files(Path(data), arguments, chosen, matrices)
    if hasattr(data, "columns"):
        return from_frame(data, arguments, chosen, matrices)
    if chosen:
        raise InputError("columns are chosen of a dataframe or of Parquet files, not of arrays")
    return from_arrays(data, arguments)

"""Dask dataframes in chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.declaration.columns import assign_columns
from latentfit.declaration.data import Data
from latentfit.em.distributed._chunked_data import ChunkedData
from latentfit.em.distributed._column_types import ColumnTypes, arrays_from_columns
from latentfit.errors import InputError


@dataclass(frozen=True)
class _PartitionLoader:
    """Convert the columns of a partition to arrays."""

    columns: Mapping[str, Sequence[str]]
    matrices: frozenset[str]

    def __call__(self, frame: Any) -> Data:
        def column(name: str) -> np.ndarray:
            if name not in frame:
                raise InputError(f"no column {name!r}; its columns are {', '.join(frame)}")
            try:
                return np.asarray(frame[name].to_numpy(dtype=float, na_value=np.nan))
            except (TypeError, ValueError):
                kind = frame[name].dtype
                raise InputError(f"column {name!r} contains {kind}, expected numbers") from None

        return arrays_from_columns(self.columns, self.matrices, column)


def from_frame(
    frame: Any, arguments: Sequence[str], chosen: Sequence[str], matrices: Sequence[str]
) -> ChunkedData:
    """Divide a Dask dataframe into its partitions.

    Parameters
    ----------
    frame : Dask dataframe
    arguments, chosen, matrices : sequence of str
        As in `chunked_data`.

    Raises
    ------
    InputError
        A column is missing or not numeric.
    """
    types = {str(name): (kind.kind in "biuf", str(kind)) for name, kind in frame.dtypes.items()}
    assigned = assign_columns(arguments, ColumnTypes(types), chosen, matrices)
    chunks = tuple(frame.to_delayed())
    labels = tuple(f"partition {number} of {len(chunks)}" for number in range(1, len(chunks) + 1))
    return ChunkedData(chunks, labels, _PartitionLoader(assigned, frozenset(matrices)), {})

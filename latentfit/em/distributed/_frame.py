"""Dask dataframes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit import declaration as declared
from latentfit.declaration import Data
from latentfit.em.distributed._columns import Columns, side_by_side
from latentfit.em.distributed._part import Parts
from latentfit.errors import InputError


@dataclass(frozen=True)
class _Frame:
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
                raise InputError(f"column {name!r} holds {kind}, where numbers belong") from None

        return side_by_side(self.columns, self.matrices, column)


def from_frame(
    frame: Any, arguments: Sequence[str], chosen: Sequence[str], matrices: Sequence[str]
) -> Parts:
    kinds = {str(name): (kind.kind in "biuf", str(kind)) for name, kind in frame.dtypes.items()}
    assigned = declared.assign(arguments, Columns(kinds), chosen, matrices)
    chunks = tuple(frame.to_delayed())
    labels = tuple(f"partition {number} of {len(chunks)}" for number in range(1, len(chunks) + 1))
    return Parts(chunks, labels, _Frame(assigned, frozenset(matrices)), {})

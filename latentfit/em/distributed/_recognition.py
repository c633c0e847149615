"""Recognition of data that are not in this process's memory, without importing Dask."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def is_distributed(data: Any) -> bool:
    """Whether data are a Dask collection, a mapping that contains one, or the path of a folder."""
    if isinstance(data, str | Path) or is_dask_collection(data):
        return True
    return isinstance(data, Mapping) and any(map(is_dask_collection, data.values()))


def is_dask_collection(data: Any) -> bool:
    """Whether an object is a Dask array, dataframe or series."""
    return hasattr(data, "__dask_graph__") and hasattr(data, "to_delayed")

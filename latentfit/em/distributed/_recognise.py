"""Data that are not in this process's memory, told from those that are. Imports nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def is_apart(data: Any) -> bool:
    """Whether data are a Dask collection, a mapping that holds one, or the path of a folder."""
    if isinstance(data, str | Path) or is_collection(data):
        return True
    return isinstance(data, Mapping) and any(map(is_collection, data.values()))


def is_collection(data: Any) -> bool:
    """Whether this is a Dask array, dataframe or series."""
    return hasattr(data, "__dask_graph__") and hasattr(data, "to_delayed")

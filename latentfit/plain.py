"""Convert results to the types that JSON has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """Convert a value to dicts, lists, strings, numbers, booleans and None.

    Numbers that are not finite and masked entries of arrays become None, and paths become strings.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    # NumPy arrays and NumPy scalars.
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if -float("inf") < value < float("inf") else None
    if isinstance(value, Path):
        return str(value)
    return value

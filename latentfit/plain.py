"""Results as plain data, ready for JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """The same result in what JSON knows: mappings, lists, text, numbers, true, false, null."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        # NumPy's arrays and scalars; masked entries become None.
        return plain(value.tolist())
    if isinstance(value, float):
        return value if -float("inf") < value < float("inf") else None
    if isinstance(value, Path):
        return str(value)
    return value

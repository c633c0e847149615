"""Words that messages about the contract share."""

from collections.abc import Iterable
from typing import Any


def listed(names: Iterable[Any]) -> str:
    """Return names separated by commas; ``nothing`` if there are none."""
    return ", ".join(map(str, names)) or "nothing"

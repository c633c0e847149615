"""HTML of results in notebooks, without results knowing the report."""

from functools import singledispatch
from typing import Any


@singledispatch
def to_html(result: Any) -> str | None:
    """HTML fragment of a result, or None if no renderer is registered for its class."""
    return None


class HtmlDisplay:
    """Mixin: notebooks show the HTML fragment that is registered for the class of the result."""

    def _repr_html_(self) -> str | None:
        return to_html(self)

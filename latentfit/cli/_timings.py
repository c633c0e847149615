"""Where the time of a command went."""

import builtins
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Self


class Stopwatch:
    """Time without that in which modules are imported, which is kept apart.

    Modules are imported where they are first needed, which may be anywhere. While the stopwatch
    runs, every import statement of the main thread is timed: once, for the modules that it brings
    along.

    Attributes
    ----------
    imports : float
        Seconds in which modules were imported.
    """

    def __init__(self) -> None:
        self.imports = 0.0
        self._began = time.perf_counter()
        self._original = builtins.__import__
        self._importing = False
        self._thread = threading.get_ident()

    def __enter__(self) -> Self:
        builtins.__import__ = self._import
        return self

    def __exit__(self, *error: object) -> None:
        builtins.__import__ = self._original

    def clock(self) -> float:
        """Seconds, without those of imports that are over."""
        return time.perf_counter() - self.imports

    def table(self, spent: Mapping[str, float]) -> str:
        """Imports, stages, what is in none of them, and the sum, a line each.

        Parameters
        ----------
        spent : dict
            Seconds in each stage, by its title.
        """
        whole = time.perf_counter() - self._began
        other = whole - self.imports - sum(spent.values())
        lines = {"imports": self.imports, **spent, "everything else": other, "in all": whole}
        width = max(map(len, lines))
        return "\n".join(f"{title:<{width}}  {seconds:8.2f} s" for title, seconds in lines.items())

    def _import(self, name: str, *rest: Any, **named: Any) -> Any:
        if self._importing or threading.get_ident() != self._thread:
            return self._original(name, *rest, **named)
        self._importing = True
        began = time.perf_counter()
        try:
            return self._original(name, *rest, **named)
        finally:
            self.imports += time.perf_counter() - began
            self._importing = False


def say_timings(watch: Stopwatch, spent: Mapping[str, float]) -> None:
    """Print where the time went, on stderr: stdout is for the result."""
    print(watch.table(spent), file=sys.stderr)

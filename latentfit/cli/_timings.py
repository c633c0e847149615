"""Measure how long the stages of a command and its imports take."""

import builtins
import contextlib
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Self


class Stopwatch:
    """A clock that stops while modules are imported, and measures that time separately.

    Modules are imported where they are first needed, which can be inside any stage. While the
    stopwatch runs, it measures the import statements of the main thread. An import within an
    import is part of the outer one.

    Attributes
    ----------
    import_seconds : float
        Time that imports took so far.
    """

    def __init__(self) -> None:
        self.import_seconds = 0.0
        self._started = time.perf_counter()
        self._original_import = builtins.__import__
        self._importing = False
        self._thread = threading.get_ident()

    def __enter__(self) -> Self:
        """Start to measure imports."""
        builtins.__import__ = self._timed_import
        return self

    def __exit__(self, *error: object) -> None:
        """Stop to measure imports."""
        builtins.__import__ = self._original_import

    def clock(self) -> float:
        """Return the time in seconds since an arbitrary moment, without completed imports."""
        return time.perf_counter() - self.import_seconds

    def table(self, stage_seconds: Mapping[str, float]) -> str:
        """Return a table of the times of imports, each stage and everything else, and their sum.

        Parameters
        ----------
        stage_seconds : mapping
            Seconds in each stage, by its title.
        """
        total = time.perf_counter() - self._started
        other = total - self.import_seconds - sum(stage_seconds.values())
        rows = {
            "imports": self.import_seconds,
            **stage_seconds,
            "everything else": other,
            "in all": total,
        }
        width = max(map(len, rows))
        return "\n".join(f"{title:<{width}}  {seconds:8.2f} s" for title, seconds in rows.items())

    def _timed_import(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self._importing or threading.get_ident() != self._thread:
            return self._original_import(name, *args, **kwargs)
        self._importing = True
        started = time.perf_counter()
        try:
            return self._original_import(name, *args, **kwargs)
        finally:
            self.import_seconds += time.perf_counter() - started
            self._importing = False


def print_timings(watch: Stopwatch, stage_seconds: Mapping[str, float]) -> None:
    """Print the table of timings on stderr, because stdout holds the result."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(watch.table(stage_seconds), file=sys.stderr, flush=True)

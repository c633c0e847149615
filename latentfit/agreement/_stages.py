"""Stages of a comparison."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from latentfit.progress import Bar, Progress


@dataclass(frozen=True)
class Stages:
    """Parts of a comparison: what is shown while one runs, and how long it took.

    Attributes
    ----------
    progress : Progress
    seconds : dict
        Of the stages that have ended, by key.
    """

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, key: str, title: str, total: float | None = None) -> Iterator[Bar]:
        with self.timed(key), self.progress.stage(title, total) as bar:
            yield bar

    @contextmanager
    def timed(self, key: str) -> Iterator[None]:
        """A stage that shows by itself how far it has come."""
        began = time.perf_counter()
        yield
        self.seconds[key] = time.perf_counter() - began

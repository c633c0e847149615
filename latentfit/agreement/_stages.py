"""Stages of a comparison."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from latentfit.progress import Bar, Progress


@dataclass(frozen=True)
class Stages:
    """Parts of a comparison: what is shown while one runs, and how long it took."""

    progress: Progress
    seconds: dict[str, float]

    @contextmanager
    def __call__(self, key: str, title: str, total: float | None = None) -> Iterator[Bar]:
        began = time.perf_counter()
        with self.progress.stage(title, total) as bar:
            yield bar
        self.seconds[key] = time.perf_counter() - began

"""Stages of a long job: a line of progress while one runs, and its duration afterwards."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from latentfit.progress import Bar, Progress


@dataclass(frozen=True)
class Stages:
    """The stages of one job.

    Attributes
    ----------
    progress : Progress
        Shows the stage that runs.
    seconds : dict
        ``{key: seconds}`` of the stages that are complete.
    """

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, key: str, title: str, total: float | None = None) -> Iterator[Bar]:
        """Run a stage: show its title, and record its duration under `key`."""
        with self.timed(key), self.progress.stage(title, total) as bar:
            yield bar

    @contextmanager
    def timed(self, key: str) -> Iterator[None]:
        """Record the duration of a stage that shows its own progress."""
        started = time.perf_counter()
        yield
        self.seconds[key] = time.perf_counter() - started

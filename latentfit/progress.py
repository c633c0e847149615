"""How far a long computation has come, on stderr, for whoever is watching a terminal."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import TaskID

# A line that is gone before it can be read is worse than none.
_DELAY_S = 0.7


class Bar:
    """Progress within one stage; may be called from any thread."""

    def __init__(self, total: float | None = None) -> None:
        self._total = total
        self._completed: float = 0
        self._display: Display | None = None
        self._task: TaskID | None = None
        self._lock = threading.Lock()

    def advance(self, n: float = 1) -> None:
        """Count `n` further units as done."""
        with self._lock:
            self._completed += n
            self._draw()

    def update(self, completed: float) -> None:
        """State how many units are done in all."""
        with self._lock:
            self._completed = completed
            self._draw()

    def _show(self, display: "Display", title: str) -> None:
        with self._lock:
            self._display = display
            self._task = display.add_task(title, total=self._total, completed=int(self._completed))

    def _hide(self) -> None:
        with self._lock:
            if self._display is not None and self._task is not None:
                self._display.remove_task(self._task)
            self._display = self._task = None

    def _draw(self) -> None:
        if self._display is not None and self._task is not None:
            self._display.update(self._task, completed=self._completed)


class Progress:
    """Stages of a computation, each a line on stderr that goes away when the stage ends.

    Nothing is shown where `quiet` is set or stderr is no terminal, and nothing of a stage
    that is over within a moment. The terminal is left as it was, after an exception or an
    interrupt too.

    Parameters
    ----------
    quiet : bool
    clock : callable
        The time in seconds, from any moment on.

    Attributes
    ----------
    spent : dict
        Seconds in each stage that is over, by its title, without those in stages within it.

    Examples
    --------
    >>> with Progress() as progress, progress.stage("NUTS, 4 chains", total=8000) as bar:
    ...     bar.update(2000)
    """

    def __init__(
        self, *, quiet: bool = False, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.spent: dict[str, float] = {}
        self._clock = clock
        # Of each stage that is open, the seconds in stages within it.
        self._within: list[float] = []
        self._shown = not quiet and sys.stderr.isatty()
        self._display: Display | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            if self._display is not None:
                self._display.stop()
            self._display = None

    @contextmanager
    def stage(self, title: str, total: float | None = None) -> Iterator[Bar]:
        """A stage of the computation, for the length of a ``with`` block.

        Parameters
        ----------
        title : str
            What is being done.
        total : float, optional
            Number of units in the stage, where it is known beforehand.

        Yields
        ------
        Bar
        """
        began = self._clock()
        self._within.append(0.0)
        try:
            with self._line(title, total) as bar:
                yield bar
        finally:
            whole = self._clock() - began
            self.spent[title] = self.spent.get(title, 0.0) + whole - self._within.pop()
            if self._within:
                self._within[-1] += whole

    @contextmanager
    def _line(self, title: str, total: float | None) -> Iterator[Bar]:
        bar = Bar(total)
        if not self._shown:
            yield bar
            return
        over = threading.Event()
        timer = threading.Timer(_DELAY_S, self._open, (bar, title, over))
        timer.daemon = True
        timer.start()
        try:
            yield bar
        finally:
            timer.cancel()
            with self._lock:
                over.set()
                bar._hide()
                if self._display is not None and not self._display.tasks:
                    self._display.stop()
                    self._display = None

    def _open(self, bar: Bar, title: str, over: threading.Event) -> None:
        display = _display()
        with self._lock:
            # The stage may have ended while the timer was going off.
            if over.is_set():
                return
            if self._display is None:
                self._display = display
                display.start()
            bar._show(self._display, title)


class NoProgress(Progress):
    """The same, and shows nothing."""

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__(quiet=True, clock=clock)


def _display() -> "Display":
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Display

    return Display(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )

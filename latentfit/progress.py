"""Show on stderr how far a long computation has progressed, if stderr is a terminal."""

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

# Stages that are shorter than this are not shown: their lines would vanish before they can be read.
_DELAY_SECONDS = 0.7

_BAR_WIDTH_CHARACTERS = 24


class Bar:
    """Progress within one stage. All methods may be called from any thread.

    Parameters
    ----------
    total : float, optional
        Number of units in the stage, if it is known.
    """

    def __init__(self, total: float | None = None) -> None:
        self._total = total
        self._completed: float = 0
        self._display: Display | None = None
        self._task: TaskID | None = None
        self._lock = threading.Lock()

    def advance(self, n: float = 1) -> None:
        """Add `n` to the number of completed units."""
        with self._lock:
            self._completed += n
            self._draw()

    def update(self, completed: float) -> None:
        """Set the number of completed units."""
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
    """Stages of a computation, each of which is a line on stderr until it ends.

    Nothing is shown if `quiet` is set or stderr is not a terminal, and a stage that ends within a
    second may not be shown. The lines are removed from the terminal in every case, also after an
    exception or an interrupt.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing.
    clock : callable
        Returns the time in seconds since an arbitrary moment.

    Attributes
    ----------
    stage_seconds : dict
        Seconds spent in each stage that has ended, by its title, without the seconds spent in
        stages within it.

    Examples
    --------
    >>> with Progress() as progress, progress.stage("NUTS, 4 chains", total=8000) as bar:
    ...     bar.update(2000)
    """

    def __init__(
        self, *, quiet: bool = False, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.stage_seconds: dict[str, float] = {}
        self._clock = clock
        # For each stage that has not ended, outermost first: seconds spent in stages within it.
        self._inner_seconds: list[float] = []
        # Python sets stderr to None if it is closed.
        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._display: Display | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove all lines from the terminal."""
        with self._lock:
            if self._display is not None:
                self._display.stop()
            self._display = None

    @contextmanager
    def stage(self, title: str, total: float | None = None) -> Iterator[Bar]:
        """Show and time a stage of the computation, which is the body of a ``with`` block.

        Parameters
        ----------
        title : str
            What the stage does.
        total : float, optional
            Number of units in the stage, if it is known.

        Yields
        ------
        Bar
            Takes the number of completed units.
        """
        started = self._clock()
        self._inner_seconds.append(0.0)
        try:
            with self._line(title, total) as bar:
                yield bar
        finally:
            elapsed = self._clock() - started
            own = elapsed - self._inner_seconds.pop()
            self.stage_seconds[title] = self.stage_seconds.get(title, 0.0) + own
            if self._inner_seconds:
                self._inner_seconds[-1] += elapsed

    @contextmanager
    def _line(self, title: str, total: float | None) -> Iterator[Bar]:
        bar = Bar(total)
        if not self._shown:
            yield bar
            return
        ended = threading.Event()
        timer = threading.Timer(_DELAY_SECONDS, self._show_line, (bar, title, ended))
        timer.daemon = True
        timer.start()
        try:
            yield bar
        finally:
            timer.cancel()
            with self._lock:
                ended.set()
                bar._hide()
                if self._display is not None and not self._display.tasks:
                    self._display.stop()
                    self._display = None

    def _show_line(self, bar: Bar, title: str, ended: threading.Event) -> None:
        display = _create_display()
        with self._lock:
            # The stage may have ended after the timer fired and before this thread got the lock.
            if ended.is_set():
                return
            if self._display is None:
                self._display = display
                display.start()
            bar._show(self._display, title)


class NoProgress(Progress):
    """A `Progress` that times stages and shows nothing.

    Parameters
    ----------
    clock : callable
        Returns the time in seconds since an arbitrary moment.
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__(quiet=True, clock=clock)


def _create_display() -> "Display":
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Display

    return Display(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR_WIDTH_CHARACTERS),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )

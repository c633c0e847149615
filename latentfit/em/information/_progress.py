"""Progress of a computation whose number of steps is known beforehand."""

from collections.abc import Callable

OnStep = Callable[[int, int], object]


def step_counter(on_step: OnStep | None, total: int) -> Callable[[], None]:
    """Return a function that counts its calls and reports how many steps are done.

    Parameters
    ----------
    on_step : callable, optional
        Called as ``on_step(done, total)`` after each step.
    total : int
        Number of steps.
    """
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if on_step is not None:
            on_step(done, total)

    return advance

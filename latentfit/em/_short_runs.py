"""Short runs: a few iterations of EM from many starts, of which the best go on (em-EM).

Where EM ends depends on where it starts, and most of its iterations are spent near the end. A few
from many starts look at more of the parameter space than many from a few (Biernacki, Celeux &
Govaert 2003, Computational Statistics & Data Analysis 41(3-4), 561-575). There a short run ends
when its gain has fallen to a share of what it has gained in all; here every one has the same number
of iterations, so that heights are compared at equal cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from latentfit.em.results import Solution, rank
from latentfit.em.stopping import Stop, Stopping
from latentfit.errors import InputError


@dataclass(frozen=True)
class Short:
    """That EM is to begin with short runs.

    Parameters
    ----------
    keep : int
        How many of them go on, the highest.
    iterations : int
        Of each, at most.

    Raises
    ------
    InputError
        One of these is below 1.
    """

    keep: int
    iterations: int = 10

    def __post_init__(self) -> None:
        for name in ("keep", "iterations"):
            if getattr(self, name) < 1:
                raise InputError(f"Short: {name} must be at least 1, not {getattr(self, name)!r}")

    @property
    def stopping(self) -> Stopping:
        """When a short run ends."""
        return Stopping(max_iterations=self.iterations)


@dataclass(frozen=True)
class ShortRun:
    """The end of a short run.

    Attributes
    ----------
    start, params : dict of ndarray
        Natural scale: where it began, and where it was left.
    log_likelihood : float
        There; NaN where it could not be evaluated.
    iterations : int
    stop : Stop
    kept : bool
        Whether EM went on from there.
    """

    start: Mapping[str, np.ndarray] = field(repr=False)
    params: Mapping[str, np.ndarray] = field(repr=False)
    log_likelihood: float
    iterations: int
    stop: Stop
    kept: bool = False

    @classmethod
    def of(cls, solution: Solution) -> "ShortRun":
        """What is left of a solution: not its expectations, which are as large as the data."""
        height = solution.log_likelihood
        assert height is not None
        start = {name: rows[0].copy() for name, rows in solution.trace.params.items()}
        return cls(start, solution.params, height, solution.iterations, solution.stop)

    @property
    def onward(self) -> Mapping[str, Any]:
        """Where EM goes on: from a degenerate end, once more from the start, to say so itself."""
        return self.start if self.stop.degenerate else self.params


def chosen(runs: Sequence[ShortRun], keep: int) -> tuple[ShortRun, ...]:
    """The same, with the best of them marked: the highest, degenerate ends last."""
    order = sorted(range(len(runs)), key=lambda place: rank(runs[place], arrived=False))
    best = set(order[:keep])
    return tuple(replace(run, kept=place in best) for place, run in enumerate(runs))

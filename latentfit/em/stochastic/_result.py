"""What a stochastic algorithm leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latentfit.em.calls import brief
from latentfit.em.results import table, text
from latentfit.em.stochastic._ending import Ending

# So many independent iterates give a standard error to half of itself, four times out of five.
SETTLED = 10


@dataclass(frozen=True)
class Course:
    """Iterates, the start first; of a long run every second, fourth, ... one.

    Attributes
    ----------
    iterations : ndarray of int, shape (kept,)
    params : dict of ndarray, each of shape (kept, ...)
        Natural scale.
    """

    iterations: np.ndarray = field(repr=False)
    params: Mapping[str, np.ndarray] = field(repr=False)


@dataclass(frozen=True)
class StochasticSolution:
    """The end of one run of a stochastic algorithm.

    Attributes
    ----------
    params : dict of ndarray
        Natural scale: the mean of the iterates of `averaged`; the last iterate where there are
        none, or where the run broke down.
    monte_carlo_errors : dict of ndarray
        Standard errors of `params` about where the mean of endlessly many iterates would be,
        found from the autocovariances of those that were averaged (Geyer 1992). They say how much
        of the algorithm's own noise is left; not how far a run that has not `settled` still has to
        go. NaN where fewer than eight were averaged.
    effective : dict of ndarray
        How many independent iterates would give means of the same standard errors.
    spread : dict of ndarray
        Standard deviation of the iterates that were averaged.
    movement : dict of ndarray
        How far they still moved: the mean of their later half less that of the earlier half. Of
        iterates that have settled it has twice the standard error of `params`.
    last : dict of ndarray
        The last iterate that was finite.
    statistics : mapping
        The sums that the last M step was given.
    averaged : tuple of int
        The first and the last iteration of the average; (0, 0) where there is none.
    iterations : int
    reach : float
        Sum of the step sizes. As s moves by γ_k of what it does in an iteration of EM, the run has
        come about as far as EM does in so many iterations.
    units : int or None
        How many units have been through the E step, counted each time; None where each iteration
        takes all data.
    seed : int
    stop : Ending
    message : str
        Why it ended, with the particulars.
    course : Course
    """

    params: Mapping[str, np.ndarray]
    monte_carlo_errors: Mapping[str, np.ndarray]
    effective: Mapping[str, np.ndarray]
    spread: Mapping[str, np.ndarray]
    movement: Mapping[str, np.ndarray]
    last: Mapping[str, np.ndarray]
    statistics: Mapping[str, Any]
    averaged: tuple[int, int]
    iterations: int
    reach: float
    units: int | None
    seed: int
    stop: Ending
    message: str
    course: Course

    @property
    def settled(self) -> bool:
        """Whether the averaged iterates are worth ten independent ones, in each parameter.

        Iterates that still drift are worth two or three. Where they have not settled, the Monte
        Carlo standard errors are too uncertain to be relied on, which is no proof that `params`
        are far off: iterates of online EM remember 1 / γ_k of their kind, so that those of k
        batches are only worth about k^(1 - α), and are slow to settle.
        """
        return all(bool(np.all(value >= SETTLED)) for value in self.effective.values())

    def __repr__(self) -> str:
        return text(f"{type(self).__name__}: {self.message}", self._rows())

    def _repr_html_(self) -> str:
        return table(self.message, self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        rows = []
        for name, value in self.params.items():
            error = self.monte_carlo_errors[name]
            known = not np.isnan(error).all()
            rows.append((name, f"{brief(value)}{f' ± {brief(error)}' if known else ''}"))
        first, last = self.averaged
        rows.append(("averaged", f"iterations {first} to {last}" if last else "nothing"))
        far = f"about as far as {self.reach:.3g} of EM"
        rows.append(("iterations", f"{self.iterations}, {far}"))
        if self.units is not None:
            rows.append(("units", f"{self.units}"))
        rows.append(("seed", f"{self.seed}"))
        return rows

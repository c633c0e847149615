"""The result of a stochastic algorithm."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latentfit.em.calls import brief
from latentfit.em.display import html_table, text_table
from latentfit.em.stochastic._stop import StochasticStop

# With this many independent iterates a standard error is accurate to within half of its value in
# four cases out of five.
MIN_SETTLED_SAMPLE_SIZE = 10


@dataclass(frozen=True)
class StochasticTrace:
    """Iterates of a run, the start first; of a long run every second, fourth, ... iterate.

    Attributes
    ----------
    iterations : ndarray of int, shape (kept,)
        The iterations after which the iterates were kept.
    params : dict of ndarray, each of shape (kept, ...)
        Natural scale.
    """

    iterations: np.ndarray = field(repr=False)
    params: Mapping[str, np.ndarray] = field(repr=False)


@dataclass(frozen=True)
class StochasticSolution:
    """The result of one run of a stochastic algorithm.

    Attributes
    ----------
    params : dict of ndarray
        Natural scale: the mean of the iterates in `averaged`. It is the last iterate if none was
        averaged, or if the run failed.
    monte_carlo_errors : dict of ndarray
        Standard errors of `params` around the mean of infinitely many iterates, estimated from the
        autocovariances of the averaged iterates (Geyer 1992). They measure the algorithm's own
        noise, not the distance that a run that has not `settled` is still away from its limit. NaN
        if fewer than eight iterates were averaged.
    effective_sample_sizes : dict of ndarray
        Number of independent iterates whose means would have the same standard errors.
    standard_deviations : dict of ndarray
        Standard deviations of the averaged iterates.
    drift : dict of ndarray
        The mean of the later half of the averaged iterates minus that of the earlier half. For
        iterates that have settled its standard error is twice that of `params`.
    last : dict of ndarray
        The last iterate that was finite.
    statistics : mapping
        The sums that the last M step was given.
    averaged : tuple of int
        The first and the last iteration that were averaged; (0, 0) if none was.
    iterations : int
    equivalent_em_iterations : float
        The sum of the step sizes. In an iteration with step size γ_k the statistics change by the
        share γ_k of what they change in an EM iteration, so that the run is about as close to the
        limit as EM is after this many iterations.
    units : int or None
        Number of units that the E step processed, repetitions included; None if each iteration
        processes all data.
    seed : int
    stop : StochasticStop
    message : str
        Why the run stopped, with the numbers.
    trace : StochasticTrace
    """

    params: Mapping[str, np.ndarray]
    monte_carlo_errors: Mapping[str, np.ndarray]
    effective_sample_sizes: Mapping[str, np.ndarray]
    standard_deviations: Mapping[str, np.ndarray]
    drift: Mapping[str, np.ndarray]
    last: Mapping[str, np.ndarray]
    statistics: Mapping[str, Any]
    averaged: tuple[int, int]
    iterations: int
    equivalent_em_iterations: float
    units: int | None
    seed: int
    stop: StochasticStop
    message: str
    trace: StochasticTrace

    @property
    def settled(self) -> bool:
        """Whether the effective sample size is at least ten for every parameter.

        Iterates that still drift have an effective sample size of two or three. If a run has not
        settled, its Monte Carlo standard errors are too uncertain to be relied on. This does not
        prove that `params` are far from the limit: iterates of online EM are correlated over about
        1 / γ_k iterations, so that k batches have an effective sample size of only about k^(1 - α),
        and settle slowly.
        """
        return all(
            bool(np.all(sizes >= MIN_SETTLED_SAMPLE_SIZE))
            for sizes in self.effective_sample_sizes.values()
        )

    def __repr__(self) -> str:
        """Return the message and the figures as a text table."""
        return text_table(f"{type(self).__name__}: {self.message}", self._rows())

    def _repr_html_(self) -> str:
        return html_table(self.message, self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        rows = []
        for name, value in self.params.items():
            error = self.monte_carlo_errors[name]
            known = not np.isnan(error).all()
            rows.append((name, f"{brief(value)}{f' ± {brief(error)}' if known else ''}"))
        first, last = self.averaged
        rows.append(("averaged", f"iterations {first} to {last}" if last else "none"))
        equivalent = f"equivalent to about {self.equivalent_em_iterations:.3g} EM iterations"
        rows.append(("iterations", f"{self.iterations}, {equivalent}"))
        if self.units is not None:
            rows.append(("units", f"{self.units}"))
        rows.append(("seed", f"{self.seed}"))
        return rows

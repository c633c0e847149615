"""The result of EM from several starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latentfit.em._distances import relative_distance
from latentfit.em.display import html_table, text_table
from latentfit.em.results import Solution
from latentfit.em.stopping import Stop
from latentfit.errors import InputError

# Limits with equal log-likelihoods whose params differ by more than this are different points.
_SAME_POINT_RELATIVE = 1e-4


@dataclass(frozen=True)
class ShortRun:
    """The result of a short run, from which EM may be continued.

    Attributes
    ----------
    start, params : dict of ndarray
        Natural scale: the starting values, and the params after the short run.
    log_likelihood : float
        At `params`; NaN if it could not be evaluated.
    iterations : int
    stop : Stop
        Why the short run ended.
    kept : bool
        Whether EM was continued from it.
    """

    start: Mapping[str, np.ndarray] = field(repr=False)
    params: Mapping[str, np.ndarray] = field(repr=False)
    log_likelihood: float
    iterations: int
    stop: Stop
    kept: bool = False

    @classmethod
    def of(cls, solution: Solution) -> "ShortRun":
        """Summarise a solution without its expectations, which are as large as the data."""
        assert solution.log_likelihood is not None
        start = {name: rows[0].copy() for name, rows in solution.trace.params.items()}
        return cls(
            start,
            solution.params,
            solution.log_likelihood,
            solution.iterations,
            solution.stop,
        )

    @property
    def continuation(self) -> Mapping[str, np.ndarray]:
        """The params from which EM continues.

        A degenerate run is repeated from its start, so that the solution explains the degeneracy.
        """
        return self.start if self.stop.degenerate else self.params


@dataclass(frozen=True)
class LimitPoint:
    """A log-likelihood to which converged runs led, and how many.

    Attributes
    ----------
    log_likelihood : float
        In nats.
    count : int
        Number of starts that led to it.
    best : Solution
        The solution with the highest log-likelihood among them.
    max_distance : float
        The largest relative distance between the params of `best` and those of the other
        solutions, after components have been renumbered to match; 0 if there is one solution. A
        large distance means that the solutions are different points with equal log-likelihoods.
    """

    log_likelihood: float
    count: int
    best: Solution
    max_distance: float = 0.0


@dataclass(frozen=True)
class Fit:
    """The solutions of EM from several starts.

    Attributes
    ----------
    solutions : tuple of Solution
        In the order of the starts.
    best : Solution
        The solution with the highest log-likelihood among those that converged. If none did, among
        those that reached the maximum number of iterations; degenerate solutions come last.
        Without log-likelihoods it is the first solution of the best of these kinds.
    short_runs : tuple of ShortRun
        The short runs from which the starts were selected, in order; empty if there were none.
    """

    solutions: tuple[Solution, ...]
    best: Solution
    short_runs: tuple[ShortRun, ...] = ()

    @property
    def params(self) -> Mapping[str, np.ndarray]:
        """Params of the best solution, natural scale."""
        return self.best.params

    @property
    def expectations(self) -> Mapping[str, Any]:
        """Expectations at the best solution."""
        return self.best.expectations

    @property
    def log_likelihood(self) -> float | None:
        """Log-likelihood of the best solution."""
        return self.best.log_likelihood

    @property
    def iterations(self) -> int:
        """Number of iterations of the best solution."""
        return self.best.iterations

    @property
    def stop(self) -> Stop:
        """Why the run of the best solution ended."""
        return self.best.stop

    @property
    def message(self) -> str:
        """Why the run of the best solution ended, with the numbers."""
        return self.best.message

    @property
    def converged(self) -> bool:
        """Whether the run of the best solution converged."""
        return self.best.converged

    def limit_points(self, tolerance: float = 1e-6) -> tuple[LimitPoint, ...]:
        """Group the converged runs by the log-likelihood that they reached, the highest first.

        Parameters
        ----------
        tolerance : float
            Two runs are in the same group if their log-likelihoods differ by no more than this, in
            nats.

        Raises
        ------
        InputError
            The fit was given no log-likelihood.
        """
        if self.best.log_likelihood is None:
            raise InputError(
                "limit points are distinguished by their log-likelihoods: the fit was given no "
                "log_likelihood"
            )
        groups: list[LimitPoint] = []
        previous = np.inf
        converged = [solution for solution in self.solutions if solution.converged]
        for solution in sorted(converged, key=_by_decreasing_log_likelihood):
            value = -_by_decreasing_log_likelihood(solution)
            if groups and previous - value <= tolerance:
                group = groups[-1]
                distance = relative_distance(group.best.params, solution.params)
                groups[-1] = LimitPoint(
                    group.log_likelihood,
                    group.count + 1,
                    group.best,
                    max(group.max_distance, distance),
                )
            else:
                groups.append(LimitPoint(value, 1, solution))
            previous = value
        return tuple(groups)

    def __repr__(self) -> str:
        """Return the best solution and a summary of all runs as a text table."""
        return text_table(f"Fit: {self.message}", self._rows())

    def _repr_html_(self) -> str:
        return html_table(self.message, self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        rows = [*self.best.rows(), ("starts", self._count_by_stop())]
        if len(self.solutions) > 1:
            if self.log_likelihood is None:
                message = "none: no log-likelihood was given, so the first solution is shown"
                rows.append(("ranking", message))
            else:
                points = self.limit_points()
                rows += [
                    ("limit points", _summary(point, len(self.solutions), len(points) == 1))
                    for point in points
                ]
                if self.short_runs:
                    rows.append(("short runs", self._summary_of_short_runs()))
        return rows

    def _count_by_stop(self) -> str:
        stops = [solution.stop for solution in self.solutions]
        counts = [f"{stops.count(stop)} {stop.outcome}" for stop in Stop if stop in stops]
        return f"{len(stops)}: {', '.join(counts)}"

    def _summary_of_short_runs(self) -> str:
        values = [run.log_likelihood for run in self.short_runs if not run.stop.degenerate]
        clauses = [f"{len(self.short_runs)}, of which {len(self.solutions)} were continued"]
        if values:
            clauses.append(f"log-likelihoods from {min(values):.8g} to {max(values):.8g}")
        degenerate = len(self.short_runs) - len(values)
        if degenerate:
            clauses.append(f"{degenerate} degenerate")
        return "; ".join(clauses)


def best_solution(solutions: Sequence[Solution]) -> Solution:
    """Return the solution that is documented as `Fit.best`."""
    return min(solutions, key=rank)


def rank(result: Solution | ShortRun, *, prefer_converged: bool = True) -> tuple[bool, bool, float]:
    """Return a key that sorts results from the best to the worst.

    Parameters
    ----------
    result : Solution or ShortRun
    prefer_converged : bool
        Whether converged results come before all others; otherwise only degenerate results are
        set apart, and come last.

    Returns
    -------
    tuple
        Convergence first, then degeneracy, then decreasing log-likelihood.
    """
    unconverged = prefer_converged and not result.stop.converged
    return unconverged, result.stop.degenerate, _by_decreasing_log_likelihood(result)


def _by_decreasing_log_likelihood(result: Solution | ShortRun) -> float:
    value = result.log_likelihood
    return np.inf if value is None or np.isnan(value) else -value


def _summary(point: LimitPoint, starts: int, is_only: bool) -> str:
    """Describe a limit point: ``5 of 5 starts at the same log-likelihood -276.36004; ...``."""
    text = (
        f"{point.count} of {starts} starts at {'the same ' if is_only and point.count > 1 else ''}"
        f"log-likelihood {point.log_likelihood:.8g}"
    )
    if point.count == 1:
        return text
    if point.max_distance > _SAME_POINT_RELATIVE:
        distance = f"params differ by up to {point.max_distance:.2g}, relative"
        return f"{text}; {distance}: more than one point"
    return f"{text}; params agree within {point.max_distance:.1g}, relative"

"""What a run of EM leaves behind."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.em._distances import apart
from latentfit.em.calls import brief
from latentfit.em.stopping import Stop
from latentfit.errors import InputError

if TYPE_CHECKING:
    from latentfit.em._short_runs import ShortRun

# Ends of one height that are further apart than this, relative, are not one point.
_ONE_POINT = 1e-4


@dataclass(frozen=True)
class Trace:
    """Every iterate, the start first.

    Attributes
    ----------
    params : dict of ndarray, each of shape (iterations + 1, ...)
        Natural scale.
    log_likelihood : ndarray, shape (iterations + 1,), or None
        None where no log-likelihood was given; NaN where it could not be evaluated.
    """

    params: Mapping[str, np.ndarray] = field(repr=False)
    log_likelihood: np.ndarray | None = field(repr=False)


@dataclass(frozen=True)
class Decrease:
    """A fall of the log-likelihood, which EM proper never shows.

    Attributes
    ----------
    iteration : int
        The first is 1.
    amount : float
        Positive.
    """

    iteration: int
    amount: float


@dataclass(frozen=True)
class Solution:
    """The end of one run of EM.

    Attributes
    ----------
    params : dict of ndarray
        Natural scale; the last that were finite.
    expectations : mapping
        What the E step gave at `params`.
    log_likelihood : float or None
        At `params`. None where none was given; NaN where it could not be evaluated.
    iterations : int
        Completed ones: calls of the M step.
    evaluations : int
        Calls of the E step, of leaps that were not taken too.
    accelerated : int or None
        The first iteration that was replaced by a leap, or could have been.
    stop : Stop
    message : str
        Why it ended, with the particulars.
    remaining : float
        Estimated distance to the limit, relative as in `Stopping`; NaN if unknown.
    rate : float
        Estimated linear rate of convergence; NaN if unknown, as it is of EM that was accelerated.
    decrease : Decrease or None
        Worst decrease of the log-likelihood beyond rounding error.
    trace : Trace
    """

    params: Mapping[str, np.ndarray]
    expectations: Mapping[str, Any]
    log_likelihood: float | None
    iterations: int
    evaluations: int
    accelerated: int | None
    stop: Stop
    message: str
    remaining: float
    rate: float
    decrease: Decrease | None
    trace: Trace

    @property
    def converged(self) -> bool:
        """Whether a fixed point of EM was reached."""
        return self.stop.converged

    def __repr__(self) -> str:
        return text(f"Solution: {self.message}", _rows(self))

    def _repr_html_(self) -> str:
        return table(self.message, _rows(self))


@dataclass(frozen=True)
class Optimum:
    """A height of the log-likelihood at which runs ended.

    Attributes
    ----------
    log_likelihood : float
    count : int
        Number of starts that ended there.
    best : Solution
    apart : float
        The largest relative distance of their params from the best one's, in whatever numbering of
        components; 0 where there is one.
    """

    log_likelihood: float
    count: int
    best: Solution
    apart: float = 0.0


@dataclass(frozen=True)
class Fit:
    """The ends of EM from several starts.

    Attributes
    ----------
    solutions : tuple of Solution
        In order of the starts.
    best : Solution
        The highest log-likelihood among those that converged; where none did, among those that
        reached the limit on iterations; degenerate ends last. Without a log-likelihood, the
        first of the best such kind.
    short_runs : tuple of ShortRun
        Those from which the starts were chosen, in order; empty where there were none.
    """

    solutions: tuple[Solution, ...]
    best: Solution
    short_runs: "tuple[ShortRun, ...]" = ()

    @property
    def params(self) -> Mapping[str, np.ndarray]:
        """Those of the best solution."""
        return self.best.params

    @property
    def expectations(self) -> Mapping[str, Any]:
        """Those of the best solution."""
        return self.best.expectations

    @property
    def log_likelihood(self) -> float | None:
        """That of the best solution."""
        return self.best.log_likelihood

    @property
    def iterations(self) -> int:
        """Those of the best solution."""
        return self.best.iterations

    @property
    def stop(self) -> Stop:
        """Why the best solution's run ended."""
        return self.best.stop

    @property
    def message(self) -> str:
        """Why the best solution's run ended, with the particulars."""
        return self.best.message

    @property
    def converged(self) -> bool:
        """Whether the best solution's run did."""
        return self.best.converged

    def optima(self, tolerance: float = 1e-6) -> tuple[Optimum, ...]:
        """Distinct heights at which converged runs ended, the highest first.

        Parameters
        ----------
        tolerance : float
            Runs whose log-likelihoods lie no further apart than this, in nats, ended at the
            same height.

        Raises
        ------
        InputError
            No log-likelihood was given, so there are no heights.
        """
        if self.best.log_likelihood is None:
            raise InputError("the optima have no heights: the fit was given no log_likelihood")
        found: list[Optimum] = []
        below = np.inf
        for solution in sorted((s for s in self.solutions if s.converged), key=_descending):
            height = -_descending(solution)
            if found and below - height <= tolerance:
                top = found[-1]
                furthest = max(top.apart, apart(top.best.params, solution.params))
                found[-1] = Optimum(top.log_likelihood, top.count + 1, top.best, furthest)
            else:
                found.append(Optimum(height, 1, solution))
            below = height
        return tuple(found)

    def __repr__(self) -> str:
        return text(f"Fit: {self.message}", [*_rows(self.best), *self._starts()])

    def _repr_html_(self) -> str:
        return table(self.message, [*_rows(self.best), *self._starts()])

    def _starts(self) -> list[tuple[str, str]]:
        counts = {
            stop: sum(s.stop is stop for s in self.solutions)
            for stop in Stop
            if any(s.stop is stop for s in self.solutions)
        }
        ends = ", ".join(f"{count} {stop.name.lower()}" for stop, count in counts.items())
        rows = [("starts", f"{len(self.solutions)} ({ends})")]
        if len(self.solutions) == 1:
            return rows
        if self.log_likelihood is None:
            return [*rows, ("ranking", "none, as no log-likelihood was given: the first is shown")]
        return [*rows, *self._heights()]

    def _heights(self) -> list[tuple[str, str]]:
        optima, total = self.optima(), len(self.solutions)
        rows = [("heights", _ended(o, total, len(optima) == 1)) for o in optima]
        if not self.short_runs:
            return rows
        ends = [run.log_likelihood for run in self.short_runs if not run.stop.degenerate]
        lost = len(self.short_runs) - len(ends)
        said = f"{len(self.short_runs)}, of which {total} went on"
        if ends:
            said += f"; heights {min(ends):.8g} to {max(ends):.8g}"
        return [*rows, ("short runs", said + (f"; {lost} degenerate" if lost else ""))]


def ranked_best(solutions: tuple[Solution, ...]) -> Solution:
    """The solution that `Fit.best` documents."""
    return min(solutions, key=rank)


def rank(end: "Solution | ShortRun", *, arrived: bool = True) -> tuple[bool, bool, float]:
    """What comes first is better: converged, if that is asked for, not degenerate, higher."""
    return arrived and not end.stop.converged, end.stop.degenerate, _descending(end)


def _ended(optimum: Optimum, total: int, alone: bool) -> str:
    """``5 of 5 starts at the same maximum, -276.36004; params within 3e-09``."""
    count = f"{optimum.count} of {total} starts at "
    height = f"{optimum.log_likelihood:.8g}"
    if optimum.count == 1:
        return count + height
    if optimum.apart > _ONE_POINT:
        gap = f"params up to {optimum.apart:.2g} apart, relative: not one point"
        return f"{count}{'the same height, ' if alone else ''}{height}; {gap}"
    gap = f"params within {optimum.apart:.1g}, relative"
    return f"{count}{'the same maximum, ' if alone else ''}{height}; {gap}"


def _descending(solution: "Solution | ShortRun") -> float:
    height = solution.log_likelihood
    return np.inf if height is None or np.isnan(height) else -height


def _rows(solution: Solution) -> list[tuple[str, str]]:
    rows = [(name, brief(value)) for name, value in solution.params.items()]
    if solution.log_likelihood is not None:
        rows.append(("log-likelihood", f"{solution.log_likelihood:.10g}"))
    accelerated = (
        f", accelerated from {solution.accelerated}" if solution.accelerated is not None else ""
    )
    rows.append(("iterations", f"{solution.iterations}{accelerated}"))
    rows.append(("rate", "unknown" if np.isnan(solution.rate) else f"{solution.rate:.4g}"))
    if not np.isnan(solution.remaining):
        rows.append(("remaining", f"{solution.remaining:.2g}"))
    if solution.decrease is not None:
        fall = solution.decrease
        rows.append(("decrease", f"{fall.amount:.3g} in iteration {fall.iteration}"))
    return rows


def text(title: str, rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in rows)])


def table(title: str, rows: list[tuple[str, str]]) -> str:
    body = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    return f"<table><caption>{html.escape(title)}</caption><tbody>{body}</tbody></table>"

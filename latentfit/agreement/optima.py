"""The log-likelihoods to which EM and direct maximisation converged, from all their starts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from latentfit.agreement.alignment import Point, Values
from latentfit.agreement.results import Optimum
from latentfit.agreement.tolerances import SAME_LOG_LIKELIHOOD
from latentfit.bayes import Density, Maximum
from latentfit.em import Fit, Solution


def optima_of_em(
    fit: Fit, density: Density, point: Callable[[Values], Point]
) -> tuple[Optimum, ...]:
    """Group the solutions of EM by log-likelihood: maxima first, the highest first.

    Parameters
    ----------
    fit : Fit
    density : Density
    point : callable
        From EM's params to a point of the model.
    """
    return _grouped(_of_solution(solution, density, point) for solution in fit.solutions)


def optima_of_direct(
    found: Iterable[Maximum], point: Callable[[np.ndarray], Point]
) -> tuple[Optimum, ...]:
    """Group the results of direct maximisation: maxima first, the highest first."""
    return _grouped(
        Optimum("direct", maximum.value, 1, point(maximum.point).natural, maximum.problem)
        for maximum in found
    )


def _of_solution(solution: Solution, density: Density, point: Callable[[Values], Point]) -> Optimum:
    if solution.stop.degenerate:
        return Optimum("EM", float("nan"), 1, solution.params, solution.message)
    where = point(solution.params)
    log_likelihood, _ = density.log_likelihood(where.unconstrained)
    note = "" if solution.converged else solution.message
    return Optimum("EM", log_likelihood, 1, where.natural, note)


def _grouped(optima: Iterable[Optimum]) -> tuple[Optimum, ...]:
    return tuple(_counted(sorted(optima, key=lambda one: (bool(one.note), -one.log_likelihood))))


def _counted(optima: Iterable[Optimum]) -> Iterator[Optimum]:
    """Merge neighbours of the same log-likelihood into one, with their number."""
    current: Optimum | None = None
    for optimum in optima:
        if current is not None and _same(current, optimum):
            current = replace(current, count=current.count + 1)
            continue
        if current is not None:
            yield current
        current = optimum
    if current is not None:
        yield current


def _same(first: Optimum, second: Optimum) -> bool:
    if first.note or second.note:
        return False
    difference = abs(first.log_likelihood - second.log_likelihood)
    return difference <= SAME_LOG_LIKELIHOOD * (1 + abs(first.log_likelihood))

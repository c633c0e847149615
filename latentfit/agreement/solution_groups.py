"""Results of all starts of EM and of direct maximisation, grouped by log-likelihood."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from latentfit.agreement.alignment import Point, Values
from latentfit.agreement.results import SolutionGroup
from latentfit.agreement.tolerances import SAME_LOG_LIKELIHOOD
from latentfit.bayes import Density
from latentfit.bayes.maxima import Maximum
from latentfit.em import Fit, Solution


def group_em_solutions(
    fit: Fit, density: Density, point: Callable[[Values], Point]
) -> tuple[SolutionGroup, ...]:
    """Group the solutions of EM: maxima first, the largest log-likelihood first.

    Parameters
    ----------
    fit : Fit
    density : Density
    point : callable
        From EM's params to a point of the model.
    """
    return _grouped(_of_solution(solution, density, point) for solution in fit.solutions)


def group_direct_maxima(
    found: Iterable[Maximum], point: Callable[[np.ndarray], Point]
) -> tuple[SolutionGroup, ...]:
    """Group the results of direct maximisation: maxima first, the largest log-likelihood first.

    Parameters
    ----------
    found : iterable of Maximum
    point : callable
        From unconstrained coordinates to a point of the model.
    """
    return _grouped(
        SolutionGroup("direct", maximum.value, 1, point(maximum.point).natural, maximum.problem)
        for maximum in found
    )


def _of_solution(
    solution: Solution, density: Density, point: Callable[[Values], Point]
) -> SolutionGroup:
    """Make a group of one solution."""
    if solution.stop.degenerate:
        return SolutionGroup("EM", float("nan"), 1, solution.params, solution.message)
    estimate = point(solution.params)
    log_likelihood, _ = density.log_likelihood(estimate.unconstrained)
    note = "" if solution.converged else solution.message
    return SolutionGroup("EM", log_likelihood, 1, estimate.natural, note)


def _grouped(singles: Iterable[SolutionGroup]) -> tuple[SolutionGroup, ...]:
    ordered = sorted(singles, key=lambda one: (bool(one.note), -one.log_likelihood))
    return tuple(_merged(ordered))


def _merged(ordered: Iterable[SolutionGroup]) -> Iterator[SolutionGroup]:
    """Merge neighbours with the same log-likelihood."""
    current: SolutionGroup | None = None
    for group in ordered:
        if current is not None and _is_same(current, group):
            current = replace(current, count=current.count + 1)
            continue
        if current is not None:
            yield current
        current = group
    if current is not None:
        yield current


def _is_same(first: SolutionGroup, second: SolutionGroup) -> bool:
    if first.note or second.note:
        return False
    difference = abs(first.log_likelihood - second.log_likelihood)
    return difference <= SAME_LOG_LIKELIHOOD * (1 + abs(first.log_likelihood))

"""The heights at which EM and direct maximisation ended, from all their starts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from latentfit.agreement._alignment import Point, Values
from latentfit.agreement._comparison import Optimum
from latentfit.agreement._verdicts import SAME_HEIGHT
from latentfit.bayes import Density, Maximum
from latentfit.em import Fit, Solution


def ends_of_em(fit: Fit, density: Density, point: Callable[[Values], Point]) -> tuple[Optimum, ...]:
    """Where EM ended, maxima first and the highest first.

    Parameters
    ----------
    fit : Fit
    density : Density
    point : callable
        From EM's params to a point of the model.
    """
    return _merged(_end(solution, density, point) for solution in fit.solutions)


def ends_of_climbs(
    climbs: Iterable[Maximum], point: Callable[[np.ndarray], Point]
) -> tuple[Optimum, ...]:
    """Where direct maximisation ended, maxima first and the highest first."""
    return _merged(
        Optimum("direct", climb.value, 1, point(climb.point).natural, climb.problem)
        for climb in climbs
    )


def _end(solution: Solution, density: Density, point: Callable[[Values], Point]) -> Optimum:
    if solution.stop.degenerate:
        return Optimum("EM", float("nan"), 1, solution.params, solution.message)
    where = point(solution.params)
    height, _ = density.log_likelihood(where.unconstrained)
    note = "" if solution.converged else solution.message
    return Optimum("EM", height, 1, where.natural, note)


def _merged(ends: Iterable[Optimum]) -> tuple[Optimum, ...]:
    return tuple(_counted(sorted(ends, key=lambda end: (bool(end.note), -end.log_likelihood))))


def _counted(ends: Iterable[Optimum]) -> Iterator[Optimum]:
    held: Optimum | None = None
    for end in ends:
        if held is not None and _same(held, end):
            held = replace(held, count=held.count + 1)
            continue
        if held is not None:
            yield held
        held = end
    if held is not None:
        yield held


def _same(first: Optimum, second: Optimum) -> bool:
    if first.note or second.note:
        return False
    gap = abs(first.log_likelihood - second.log_likelihood)
    return gap <= SAME_HEIGHT * (1 + abs(first.log_likelihood))

"""Two EM algorithms from one start: the steps as handed in, and the declaration's own EM."""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from latentfit.check.examination import Examination, TrialPoint
from latentfit.declaration import Params
from latentfit.errors import LatentfitError

_MAX_ITERATIONS = 15

Trajectories = dict[str, tuple[np.ndarray, np.ndarray]]


def trajectories(
    examination: Examination,
    start: TrialPoint,
    e_step: Callable[..., Any],
    m_step: Callable[..., Any],
    seconds: float,
) -> Trajectories | None:
    """Iterate both EM algorithms from the same θ.

    Parameters
    ----------
    examination : Examination
    start : TrialPoint
    e_step, m_step : callable
        As handed in, the M step of three arguments. A result that is no mapping is a failure.
    seconds : float
        Time for each of the two; the iteration that exceeds it is the last.

    Returns
    -------
    dict or None
        ``{name: (handed in, declaration's)}`` on the natural scale, the start and at most 15
        iterations along the first axis. A trajectory ends early if its next step fails. None if
        neither algorithm completes an iteration, or if the declaration's expectations are not
        exact.
    """
    if not examination.complete.exact:
        return None
    shapes = examination.density.space.shapes
    names = [name for name in examination.to_model(start.params) if name in shapes]
    by_hand, by_declaration = (
        _first_iterates(iterates, names, seconds)
        for iterates in (
            _by_hand(examination, start, e_step, m_step),
            _by_declaration(examination, start),
        )
    )
    if not names or max(len(by_hand), len(by_declaration)) < 2:
        return None
    return {name: (_stacked(by_hand, name), _stacked(by_declaration, name)) for name in names}


def _first_iterates(
    iterates: Iterator[Mapping[str, Any]], names: list[str], seconds: float
) -> list[dict[str, np.ndarray]]:
    """Return the first iterates, up to one with other shapes than the start or without numbers."""
    deadline = time.monotonic() + seconds
    found: list[dict[str, np.ndarray]] = []
    for natural in islice(iterates, _MAX_ITERATIONS + 1):
        try:
            params = {name: np.array(natural[name], float) for name in names}
        except (KeyError, TypeError, ValueError):
            break
        if not all(np.isfinite(value).all() for value in params.values()):
            break
        if found and any(params[name].shape != found[0][name].shape for name in names):
            break
        found.append(params)
        if time.monotonic() > deadline:
            break
    return found


def _by_hand(
    examination: Examination,
    start: TrialPoint,
    e_step: Callable[..., Any],
    m_step: Callable[..., Any],
) -> Iterator[Mapping[str, Any]]:
    params: Any = start.params
    while isinstance(params, Mapping):
        try:
            yield examination.to_model(params)
        except LatentfitError:
            return
        expectations = e_step(params, examination.data)
        if not isinstance(expectations, Mapping):
            return
        params = m_step(expectations, examination.data, params)


def _by_declaration(examination: Examination, start: TrialPoint) -> Iterator[Params]:
    space, complete = examination.density.space, examination.complete
    # Exact statistics do not use the generator.
    point, rng = start.point, np.random.default_rng(examination.seed)
    while True:
        yield space.constrain(point)
        statistics = complete.statistics(point, rng)
        maximum = complete.maximise(statistics, point, prior=examination.with_prior)
        if not maximum.reached:
            return
        point = maximum.point


def _stacked(iterates: list[dict[str, np.ndarray]], name: str) -> np.ndarray:
    return np.array([params[name] for params in iterates])

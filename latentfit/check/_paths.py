"""Two ways from one start: the steps as handed in, and the EM algorithm of the declaration."""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from latentfit.check._subject import Subject, Trial
from latentfit.declaration import Params
from latentfit.errors import LatentfitError

ITERATIONS = 15

Paths = dict[str, tuple[np.ndarray, np.ndarray]]


def paths(
    subject: Subject,
    start: Trial,
    e_step: Callable[..., Any],
    m_step: Callable[..., Any],
    seconds: float,
) -> Paths | None:
    """Iterate both EM algorithms from the same θ.

    Parameters
    ----------
    subject : Subject
    start : Trial
    e_step, m_step : callable
        As handed in, the M step of three arguments. What is no mapping counts as a failure.
    seconds : float
        Time for each of the two; the iteration that exceeds it is the last.

    Returns
    -------
    dict or None
        ``{name: (handed in, declaration's)}``, natural scale, the start and at most 15 iterations
        along the first axis; a way ends early where its next step fails. None where neither way
        leaves the start, or the declaration's expectations are not exact.
    """
    if not subject.complete.exact:
        return None
    shapes = subject.density.space.shapes
    names = [name for name in subject.to_model(start.params) if name in shapes]
    ways = [
        _followed(way, names, seconds)
        for way in (_by_hand(subject, start, e_step, m_step), _by_declaration(subject, start))
    ]
    if not names or max(map(len, ways)) < 2:
        return None
    hand, oracle = ways
    return {name: (_column(hand, name), _column(oracle, name)) for name in names}


def _followed(
    way: Iterator[Mapping[str, Any]], names: list[str], seconds: float
) -> list[dict[str, np.ndarray]]:
    """The first places on the way, up to one that no longer looks like the start."""
    deadline = time.monotonic() + seconds
    places: list[dict[str, np.ndarray]] = []
    for natural in islice(way, ITERATIONS + 1):
        try:
            place = {name: np.array(natural[name], float) for name in names}
        except (KeyError, TypeError, ValueError):
            break
        if not all(np.isfinite(value).all() for value in place.values()):
            break
        if places and any(place[name].shape != places[0][name].shape for name in names):
            break
        places.append(place)
        if time.monotonic() > deadline:
            break
    return places


def _by_hand(
    subject: Subject, start: Trial, e_step: Callable[..., Any], m_step: Callable[..., Any]
) -> Iterator[Mapping[str, Any]]:
    params: Any = start.params
    while isinstance(params, Mapping):
        try:
            yield subject.to_model(params)
        except LatentfitError:
            return
        expectations = e_step(params, subject.data)
        if not isinstance(expectations, Mapping):
            return
        params = m_step(expectations, subject.data, params)


def _by_declaration(subject: Subject, start: Trial) -> Iterator[Params]:
    space, complete = subject.density.space, subject.complete
    # Exact statistics leave nothing to chance.
    point, rng = start.point, np.random.default_rng(subject.seed)
    while True:
        yield space.constrain(point)
        top = complete.maximise(
            complete.statistics(point, rng), point, prior=subject.objective == "posterior"
        )
        if not top.reached:
            return
        point = top.point


def _column(places: list[dict[str, np.ndarray]], name: str) -> np.ndarray:
    return np.array([place[name] for place in places])

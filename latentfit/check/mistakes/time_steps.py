"""One time step too many or too few in the sums over a Markov chain."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from latentfit.bayes.complete_data import pairs_key
from latentfit.bayes.views import smoothed_probabilities
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


def _without(time: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(states: np.ndarray) -> np.ndarray:
        changed = states.copy()
        changed[..., time, :] = 0
        return changed

    return change


def _shifted(by: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(states: np.ndarray) -> np.ndarray:
        changed = np.zeros_like(states)
        if by > 0:
            changed[..., by:, :] = states[..., :-by, :]
        else:
            changed[..., :by, :] = states[..., -by:, :]
        return changed

    return change


def _first_is_mean(states: np.ndarray) -> np.ndarray:
    changed = states.copy()
    changed[..., 0, :] = states.mean(axis=-2)
    return changed


_CHANGES_OF_STATES: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("the first time step is left out", _without(0)),
    ("the last time step is left out", _without(-1)),
    ("the probabilities of the states are used one time step too late", _shifted(1)),
    ("the probabilities of the states are used one time step too early", _shifted(-1)),
    ("the mean over all time steps is used where the first time step belongs", _first_is_mean),
)


def _pairs_without(pairs: np.ndarray, time: int) -> np.ndarray:
    changed = pairs.copy()
    changed[..., time, :, :] = 0
    return changed


@known_mistake(step="M", quantity="parameter", priority=670, hint="{mistake}")
def time_steps_of_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q with one time step more or less."""
    complete = context.examination.complete
    if complete.chain is None:
        return
    (name,) = complete.latents
    statistics = context.trial.statistics
    changes = [
        (mistake, {name: change(statistics[name])}) for mistake, change in _CHANGES_OF_STATES
    ]
    pairs = statistics[pairs_key(name)]
    for mistake, time in (
        ("the first transition is left out", 0),
        ("the last transition is left out", -1),
    ):
        changes.append((mistake, {pairs_key(name): _pairs_without(pairs, time)}))
    for mistake, changed in changes:
        value = context.with_statistics(mistake, changed)
        if value is not None:
            yield predict(value, mistake=mistake)


@known_mistake(step="E", quantity="Markov chain", priority=150, hint="{mistake}")
def time_steps_of_entry(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the entry with one time step more or less in its sums, or before the first one."""
    chain = context.chain
    moved = np.logaddexp.reduce(chain.initial[..., :, None] + chain.transition, axis=-2)
    states, pairs = smoothed_probabilities(replace(chain, initial=moved))
    late = "the initial distribution is multiplied by the transition matrix: one time step too many"
    yield predict(context.entry_for_chain(states, pairs), mistake=late)
    states, pairs = smoothed_probabilities(chain)
    for words, time in (("first", 0), ("last", -1)):
        mistake = f"the {words} transition is left out"
        value = context.entry_for_chain(states, _pairs_without(pairs, time))
        yield predict(value, mistake=mistake)
        mistake = f"the {words} time step is left out"
        yield predict(context.entry_for_chain(_without(time)(states), pairs), mistake=mistake)

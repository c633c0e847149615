"""Responsibilities that an M step squares, rounds or normalises again before it uses them."""

from collections.abc import Callable, Iterator

import numpy as np

from latentfit.check.mistakes._changed_weights import with_and_without_divisor
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.check.mistakes._softmax import softmax


@known_mistake(
    step="M",
    quantity="parameter",
    priority=530,
    hint="the responsibilities are {what} before they are used{where}",
)
def changed_responsibilities(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q with squared, rounded or twice normalised responsibilities."""
    changes: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
        ("squared", np.square),
        ("normalised by a softmax again", softmax),
    ]
    # Where all rows are rounded to a single 1, these are hard assignments.
    rounded = [np.round(context.trial.statistics[name]) for name in _latents(context)]
    if any(np.any(r.sum(axis=-1) != 1) for r in rounded):
        changes.append(("rounded to 0 or 1", np.round))
    for what, change in changes:
        for value, where in with_and_without_divisor(context, what, change):
            yield predict(value, what=what, where=where)


def _latents(context: MistakeContext) -> tuple[str, ...]:
    complete = context.examination.complete
    return complete.latents if complete.exact and complete.discrete else ()

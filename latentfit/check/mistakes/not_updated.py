"""A parameter, or one entry of it, that the M step leaves at its old value."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.declaration import labels


@known_mistake(step="M", quantity="parameter", priority=100, hint="the parameter is not updated")
def parameter_not_updated(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the old value."""
    if context.old is not None:
        yield predict(context.old)


@known_mistake(step="M", quantity="parameter", priority=110, hint="{entry} is not updated")
def entry_not_updated(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the old value of one entry and the right values of all others."""
    old, expected = context.old, context.expected
    if old is None or old.shape != expected.shape or old.size == 1:
        return
    for entry, index in zip(labels(context.name, old.shape), np.ndindex(old.shape), strict=True):
        value = expected.copy()
        value[index] = old[index]
        yield predict(value, entry=entry)

"""Sums over observations without their responsibilities."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._changed_weights import with_and_without_divisor
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=535,
    hint="the responsibilities are left out{where}: every observation counts equally in every "
    "component",
)
def unweighted(context: MistakeContext) -> Iterator[Prediction]:
    """Predict sums over all observations without their responsibilities."""
    for value, where in with_and_without_divisor(context, "left out", np.ones_like):
        yield predict(value, where=where)

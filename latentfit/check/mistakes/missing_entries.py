"""Entries that are zero because a part of the data is left out."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="entry",
    priority=455,
    hint="some entries are zero, and all others are right: is part of the data left out?",
    only_numbers=True,
)
def some_entries_zero(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the expectation, and zero where the step returned zero."""
    given, expected = context.given, context.expected
    if given.shape == expected.shape and np.any(given) and not np.all(given):
        # The same entries have to be zero at all trial points.
        which = ",".join(map(str, np.flatnonzero(given == 0)))
        yield predict(np.where(given == 0, 0.0, expected), which=which)

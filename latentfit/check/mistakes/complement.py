"""The probability of the other outcome."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=250,
    hint="this is the probability of the other outcome, 1 minus the right value",
)
def other_outcome(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 1 - θ⁺ for single probabilities."""
    expected = context.expected
    counts = context.category_counts
    # A vector of probabilities has an axis of its own for the categories; a single one has not.
    if counts is not None and counts.shape != expected.shape and np.all(expected < 1):
        yield predict(1 - expected)

"""One value for all components, where each has its own."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.component_orders import MAX_PERMUTED_COMPONENTS
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=520,
    hint="all components are given one value, the mean of theirs",
)
def mean_of_components(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the mean over the components for each of them."""
    expected = context.expected
    if expected.ndim and 1 < expected.shape[-1] <= MAX_PERMUTED_COMPONENTS:
        total = expected.sum(axis=-1, keepdims=True)
        yield predict(np.broadcast_to(total / expected.shape[-1], expected.shape))


@known_mistake(
    step="M",
    quantity="parameter",
    priority=515,
    hint="one value is estimated for all components together, from pooled sums",
)
def pooled(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q if all components have the same value."""
    expected = context.expected
    simplex = context.category_counts is not None and np.allclose(expected.sum(axis=-1), 1)
    if expected.ndim and expected.size > 1 and not simplex:
        value = context.pooled
        if value is not None:
            yield predict(value)

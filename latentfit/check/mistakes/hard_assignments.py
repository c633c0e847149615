"""Hard assignments: the most probable category is treated as if it were certain."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=400,
    hint="hard assignments: the most probable category is given probability 1 and the others 0",
)
def hard_posterior(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 1 for the most probable category."""
    r = context.posterior
    yield predict(context.entry_for_posterior(np.eye(r.shape[-1])[r.argmax(axis=-1)]))


@known_mistake(
    step="M",
    quantity="parameter",
    priority=500,
    hint="hard assignments are used in place of the responsibilities",
)
def hard_responsibilities(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q with hard assignments."""
    value = context.with_hard_assignments
    if value is not None:
        yield predict(value)

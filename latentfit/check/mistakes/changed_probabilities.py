"""Posterior probabilities that were changed, or not computed at all."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=415,
    hint="every category is given the same probability",
)
def uniform(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 1 / K for each of K categories."""
    r = context.posterior
    yield predict(context.entry_for_posterior(np.full_like(r, 1 / r.shape[-1])))


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=420,
    hint="these are 1 minus the probabilities",
)
def complement(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 1 - p(z | x)."""
    yield predict(context.entry_for_posterior(1 - context.posterior))


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=425,
    hint="the probabilities are squared",
)
def squared(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(z | x)²."""
    yield predict(context.entry_for_posterior(context.posterior**2))

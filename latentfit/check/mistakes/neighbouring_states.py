"""Wrong probabilities of pairs of neighbouring states of a Markov chain."""

from collections.abc import Iterator

import numpy as np

from latentfit.bayes.views import smoothed_probabilities
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=125,
    hint="the probabilities of neighbouring states are transposed: the earlier state belongs first",
)
def transposed(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(z_{t+1} = k, z_t = l | x) in place of p(z_t = k, z_{t+1} = l | x)."""
    states, neighbours = smoothed_probabilities(context.chain)
    yield predict(context.entry_for_chain(states, np.swapaxes(neighbours, -1, -2)))


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=130,
    hint="the probability of two neighbouring states is taken to be the product of their own "
    "probabilities, as if neighbours were independent given the data",
)
def independent(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(z_t | x) p(z_{t+1} | x)."""
    states, _ = smoothed_probabilities(context.chain)
    product = states[..., :-1, :, None] * states[..., 1:, None, :]
    yield predict(context.entry_for_chain(states, product))

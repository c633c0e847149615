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


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=135,
    hint="in the probabilities of neighbouring states, {mistake}",
)
def part_of_pairs(context: MistakeContext) -> Iterator[Prediction]:
    """Predict α_t P b_{t+1} β_{t+1} with a factor left out, or of another time."""
    chain = context.chain
    states, _ = smoothed_probabilities(chain)
    # Up to factors that do not depend on the state, which normalisation removes.
    alpha, _ = smoothed_probabilities(chain, ahead=False)
    beta = (states / alpha)[..., 1:, :]
    before, transition = alpha[..., :-1, :], np.exp(chain.transition)
    relative = np.exp(chain.emission - chain.emission.max(axis=-1, keepdims=True))
    now, following = relative[..., :-1, :], relative[..., 1:, :]
    for mistake, first, second in (
        ("the backward probabilities β are left out", before, following),
        ("the observation of the later time is left out", before, beta),
        ("the observation of the earlier time is used in place of the later", before, now * beta),
        (
            "smoothed probabilities are multiplied by the transition probabilities",
            states[..., :-1, :],
            np.ones_like(beta),
        ),
    ):
        pairs = first[..., :, None] * transition[..., None, :, :] * second[..., None, :]
        pairs = pairs / pairs.sum(axis=(-2, -1), keepdims=True)
        yield predict(context.entry_for_chain(states, pairs), mistake=mistake)

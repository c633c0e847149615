"""The forward-backward algorithm of a Markov chain with a part left out."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from latentfit.bayes.views import MarkovChainTerms, smoothed_probabilities
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=100,
    hint="these are filtered probabilities: the later observations of the sequence are not used",
)
def filtered(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the result of the forward pass alone."""
    yield predict(context.entry_for_chain(*smoothed_probabilities(context.chain, ahead=False)))


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=105,
    hint="the transition matrix is transposed",
)
def transition_transposed(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the result with p(z_t = k | z_{t+1} = l) in place of p(z_{t+1} = l | z_t = k)."""
    chain = context.chain
    transposed = np.swapaxes(chain.transition, -1, -2)
    yield predict(
        context.entry_for_chain(*smoothed_probabilities(replace(chain, transition=transposed)))
    )


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=110,
    hint="the transition matrix is left out: every state is taken to follow every other with the "
    "same probability",
)
def transition_left_out(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the result with all transition probabilities equal."""
    chain = context.chain
    equal = np.zeros_like(chain.transition)
    yield predict(
        context.entry_for_chain(*smoothed_probabilities(replace(chain, transition=equal)))
    )


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=115,
    hint="the initial distribution is left out",
)
def initial_left_out(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the result with all initial probabilities equal."""
    chain = context.chain
    equal = np.zeros_like(chain.initial)
    yield predict(context.entry_for_chain(*smoothed_probabilities(replace(chain, initial=equal))))


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=120,
    hint="the data are left out: these are the prior probabilities of the Markov chain",
)
def data_left_out(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the result with all emission densities equal."""
    chain = context.chain
    equal = np.zeros_like(chain.emission)
    yield predict(context.entry_for_chain(*smoothed_probabilities(replace(chain, emission=equal))))


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=122,
    hint="in the backward pass, {mistake}",
)
def backward_pass(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the result of the right forward pass and a wrong backward pass."""
    chain = context.chain
    emission = chain.emission
    early = np.concatenate([emission[..., :1, :], emission[..., :-1, :]], axis=-2)
    transposed = np.swapaxes(chain.transition, -1, -2)
    for mistake, backward in (
        ("the transition matrix is transposed", replace(chain, transition=transposed)),
        (
            "the observation of the same time is used, which the forward pass has already: one "
            "time step too few",
            replace(chain, emission=early),
        ),
    ):
        yield predict(context.entry_for_chain(*_combined(chain, backward)), mistake=mistake)


def _combined(chain: MarkovChainTerms, backward: MarkovChainTerms) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities from the forward pass of one chain and the backward pass of another."""
    alpha, _ = smoothed_probabilities(chain, ahead=False)
    # β up to factors that do not depend on the state, which normalisation removes.
    own, _ = smoothed_probabilities(backward, ahead=False)
    beta = smoothed_probabilities(backward)[0] / own
    states = alpha * beta
    emission = np.exp(chain.emission - chain.emission.max(axis=-1, keepdims=True))
    following = (emission * beta)[..., 1:, None, :]
    pairs = alpha[..., :-1, :, None] * np.exp(chain.transition)[..., None, :, :] * following
    return (
        states / states.sum(axis=-1, keepdims=True),
        pairs / pairs.sum(axis=(-2, -1), keepdims=True),
    )

"""The M step of a transition matrix with transitions that are not divided as they should be."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


def _transitions(context: MistakeContext) -> np.ndarray:
    transitions = context.transitions
    assert transitions is not None  # the latent is a Markov chain
    return transitions


@known_mistake(
    step="M",
    quantity="transition matrix",
    priority=600,
    hint="the transition matrix is transposed",
)
def transposed(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the transpose of the estimate."""
    transitions = _transitions(context)
    yield predict((transitions / transitions.sum(axis=1, keepdims=True)).T)


@known_mistake(
    step="M",
    quantity="transition matrix",
    priority=610,
    hint="the transition matrix is normalised over the states that are left, not over those that "
    "are entered",
)
def normalised_over_columns(context: MistakeContext) -> Iterator[Prediction]:
    """Predict columns that sum to one."""
    transitions = _transitions(context)
    yield predict(transitions / transitions.sum(axis=0))


@known_mistake(
    step="M",
    quantity="transition matrix",
    priority=620,
    hint="the transitions from each state are divided by all visits to it, including the last "
    "time point, which no transition leaves: all T time points in place of T - 1",
)
def divided_by_all_visits(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the transitions divided by the visits at all time points."""
    yield predict(_transitions(context) / context.visits[:, None])


@known_mistake(
    step="M",
    quantity="transition matrix",
    priority=630,
    hint="the transitions are not normalised",
)
def not_normalised(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the expected number of transitions."""
    yield predict(_transitions(context))


@known_mistake(
    step="M",
    quantity="transition matrix",
    priority=640,
    hint="the transitions are divided by their total, not row by row",
)
def divided_by_total(context: MistakeContext) -> Iterator[Prediction]:
    """Predict transitions that sum to one all together."""
    transitions = _transitions(context)
    yield predict(transitions / transitions.sum())


@known_mistake(
    step="M",
    quantity="transition matrix",
    priority=605,
    hint="the numbers of transitions are transposed before they are normalised",
)
def counts_transposed(context: MistakeContext) -> Iterator[Prediction]:
    """Predict rows that are the normalised columns of the counts."""
    transitions = _transitions(context).T
    yield predict(transitions / transitions.sum(axis=1, keepdims=True))


@known_mistake(
    step="M",
    quantity="transition matrix",
    priority=645,
    hint="the probability of two neighbouring states is taken to be the product of their own "
    "probabilities, as if neighbours were independent given the data",
)
def products_of_neighbours(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the estimate from p(z_t | x) p(z_{t+1} | x)."""
    (name,) = context.examination.complete.latents
    states = context.trial.statistics[name]
    size = states.shape[-1]
    pairs = (states[..., :-1, :, None] * states[..., 1:, None, :]).reshape(-1, size, size)
    total = pairs.sum(axis=0)
    yield predict(total / total.sum(axis=1, keepdims=True))

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


@known_mistake(
    step="E",
    quantity="Markov chain",
    priority=140,
    hint="hard assignments: the states of the most probable path are given probability 1",
)
def most_probable_path(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 1 for the states of the path that the Viterbi algorithm finds."""
    chain = context.chain
    times, size = chain.emission.shape[-2:]
    emission = chain.emission.reshape(-1, times, size)
    largest, before = chain.initial + emission[:, 0], []
    largest = np.broadcast_to(largest, emission[:, 0].shape)
    for t in range(1, times):
        paths = largest[:, :, None] + chain.transition
        before.append(paths.argmax(axis=1))
        largest = paths.max(axis=1) + emission[:, t]
    path = [largest.argmax(axis=1)]
    for step in reversed(before):
        path.insert(0, np.take_along_axis(step, path[0][:, None], axis=1)[:, 0])
    states = np.eye(size)[np.stack(path, axis=1)].reshape(chain.emission.shape)
    pairs = states[..., :-1, :, None] * states[..., 1:, None, :]
    yield predict(context.entry_for_chain(states, pairs))

"""A square or a square root: a variance where the standard deviation belongs, or the reverse."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=105,
    hint="this is the square of the conditional mean",
    only_numbers=True,
)
def squared_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict E[z | x]²."""
    yield predict(context.expected**2)


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=110,
    hint="this is the square root of the conditional mean",
    only_numbers=True,
)
def root_of_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict √E[z | x]."""
    yield predict(np.sqrt(context.expected))


@known_mistake(
    step="M",
    quantity="parameter",
    priority=200,
    hint="this is the square of the right value: a variance where the standard deviation belongs?",
)
def squared_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict (θ⁺)²."""
    yield predict(context.expected**2)


@known_mistake(
    step="M",
    quantity="parameter",
    priority=210,
    hint="this is the square root of the right value: a standard deviation where the variance "
    "belongs?",
)
def root_of_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict √θ⁺."""
    yield predict(np.sqrt(context.expected))

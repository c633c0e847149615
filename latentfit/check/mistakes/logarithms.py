"""A logarithm where the number itself belongs."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=135,
    hint="these are the log joint densities log p(x, z): take their exponential and normalise it "
    "over the categories",
)
def log_joint(context: MistakeContext) -> Iterator[Prediction]:
    """Predict log p(x, z)."""
    yield predict(context.entry_for_posterior(context.log_joint))


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=140,
    hint="log p(x | z) is used in place of a probability",
)
def log_density(context: MistakeContext) -> Iterator[Prediction]:
    """Predict log p(x | z)."""
    yield predict(context.entry_for_posterior(context.log_joint - context.log_prior))


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=145,
    hint="log joint densities log p(x, z) are normalised as if they were probabilities",
)
def normalised_log_joint(context: MistakeContext) -> Iterator[Prediction]:
    """Predict log p(x, z) divided by its sum over the categories."""
    log_joint = context.log_joint
    normalised = log_joint / log_joint.sum(axis=-1, keepdims=True)
    yield predict(context.entry_for_posterior(normalised))


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=405,
    hint="these are the logarithms of the probabilities",
)
def log_posterior(context: MistakeContext) -> Iterator[Prediction]:
    """Predict log p(z | x)."""
    yield predict(context.entry_for_posterior(np.log(context.posterior)))


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=140,
    hint="these are the logarithms of the conditional means",
)
def log_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict log E[z | x]."""
    yield predict(np.log(context.expected))


@known_mistake(
    step="M",
    quantity="parameter",
    priority=230,
    hint="this is the logarithm of the right value",
)
def log_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict log θ⁺."""
    yield predict(np.log(context.expected))

"""Probabilities that are not normalised, or not normalised over the categories."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=115,
    hint="these are joint densities p(x, z), not normalised over the categories",
)
def joint_densities(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(x, z)."""
    yield predict(context.entry_for_posterior(np.exp(context.log_joint)))


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=120,
    hint="these are densities p(x | z), neither multiplied by p(z) nor normalised over the "
    "categories",
)
def densities(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(x | z)."""
    yield predict(context.entry_for_posterior(np.exp(context.log_joint - context.log_prior)))


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=125,
    hint="the joint densities are normalised over the observations instead of the categories",
)
def joint_over_observations(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(x, z) divided by its sum over the observations."""
    joint = np.exp(context.log_joint)
    observations = tuple(range(joint.ndim - 1))
    yield predict(context.entry_for_posterior(joint / joint.sum(axis=observations, keepdims=True)))


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=130,
    hint="the joint densities are normalised over all entries at once instead of over the "
    "categories of each observation",
)
def joint_over_everything(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(x, z) divided by its sum over observations and categories."""
    joint = np.exp(context.log_joint)
    yield predict(context.entry_for_posterior(joint / joint.sum()))


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=410,
    hint="the probabilities are normalised over the observations instead of the categories",
)
def posterior_over_observations(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(z | x) divided by its sum over the observations."""
    r = context.posterior
    observations = tuple(range(r.ndim - 1))
    yield predict(context.entry_for_posterior(r / r.sum(axis=observations, keepdims=True)))


@known_mistake(
    step="E",
    quantity="statistic",
    priority=520,
    hint="the values are divided by their sum",
)
def divided_by_sum(context: MistakeContext) -> Iterator[Prediction]:
    """Predict shares of the whole in place of the amounts."""
    yield predict(context.expected / context.expected.sum())


@known_mistake(
    step="E",
    quantity="statistic",
    priority=540,
    hint="each row of the matrix is divided by its sum",
)
def rows_divided_by_sums(context: MistakeContext) -> Iterator[Prediction]:
    """Predict conditional probabilities in place of counts of pairs."""
    expected = context.expected
    if expected.ndim == 2 and expected.shape[0] == expected.shape[1]:
        yield predict(expected / expected.sum(axis=1, keepdims=True))


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=450,
    hint="the probabilities are not normalised: each row should sum to 1",
    only_numbers=True,
)
def not_normalised(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the posterior probabilities times the sums of what the step returned."""
    if context.is_latent and context.given.shape == context.posterior.shape:
        sums = context.given.sum(axis=-1, keepdims=True)
        if np.all(sums != 0):
            yield predict(context.posterior * sums)

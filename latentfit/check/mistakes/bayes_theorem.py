"""Bayes' theorem for a categorical latent with a factor left out, or used twice."""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.check.mistakes._softmax import softmax


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=100,
    hint="the mixing weights p(z) are left out of Bayes' theorem",
)
def weights_left_out(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(x | z) / Σ p(x | z)."""
    yield predict(context.entry_for_posterior(softmax(context.log_joint - context.log_prior)))


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=105,
    hint="the mixing weights p(z) are used twice in Bayes' theorem",
)
def weights_used_twice(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(x | z) p(z)² / Σ p(x | z) p(z)²."""
    yield predict(context.entry_for_posterior(softmax(context.log_joint + context.log_prior)))


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=110,
    hint="the data are left out: these are the prior probabilities p(z)",
)
def data_left_out(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(z)."""
    yield predict(context.entry_for_posterior(softmax(context.log_prior)))


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=150,
    hint="the log joint density log p(x, z) is {factor} what it should be",
)
def wrong_power(context: MistakeContext) -> Iterator[Prediction]:
    """Predict p(x, z)² and √p(x, z), normalised over the categories."""
    for power, factor in ((2.0, "twice"), (0.5, "half")):
        posterior = softmax(power * context.log_joint)
        yield predict(context.entry_for_posterior(posterior), factor=factor)

"""A wrong sign."""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(step="E", quantity="continuous latent", priority=135, hint="the sign is wrong")
def sign_of_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict -E[z | x]."""
    if context.is_latent:
        yield predict(-context.expected)


@known_mistake(step="E", quantity="statistic", priority=510, hint="the sign is wrong")
def sign_of_statistic(context: MistakeContext) -> Iterator[Prediction]:
    """Predict -E[f(z, x) | x]."""
    yield predict(-context.expected)


@known_mistake(step="M", quantity="parameter", priority=240, hint="the sign is wrong")
def sign_of_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict -θ⁺."""
    yield predict(-context.expected)

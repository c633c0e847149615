"""A reciprocal: a rate where the scale belongs, or the reverse."""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=100,
    hint="a rate where the scale belongs, or the reverse: this is 1 divided by the conditional "
    "mean",
    only_numbers=True,
)
def reciprocal_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 1 / E[z | x]."""
    if context.is_latent:
        yield predict(1 / context.expected)


@known_mistake(
    step="E",
    quantity="statistic",
    priority=525,
    hint="this is 1 divided by the expectation",
)
def reciprocal_statistic(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 1 / E[f(z, x) | x]."""
    yield predict(1 / context.expected)


@known_mistake(
    step="M",
    quantity="parameter",
    priority=220,
    hint="a rate where the scale belongs, or the reverse: this is 1 divided by the right value",
)
def reciprocal_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict 1 / θ⁺."""
    yield predict(1 / context.expected)

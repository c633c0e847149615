"""Components in another order than the model's."""

from collections.abc import Iterator

from latentfit.check.component_orders import MAX_PERMUTED_COMPONENTS, reordered
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=430,
    hint="the categories are in another order ({order})",
)
def categories(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the posterior probabilities in every other order of the categories."""
    for order, moved in reordered(context.posterior):
        yield predict(context.entry_for_posterior(moved), order=", ".join(map(str, order)))


@known_mistake(
    step="M",
    quantity="parameter",
    priority=510,
    hint="the components are in another order ({order})",
)
def components(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the parameter in every other order of its components."""
    expected = context.expected
    if expected.ndim and 1 < expected.shape[-1] <= MAX_PERMUTED_COMPONENTS:
        for order, moved in reordered(expected):
            yield predict(moved, order=", ".join(map(str, order)))

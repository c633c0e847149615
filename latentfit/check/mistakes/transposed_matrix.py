"""A matrix that is transposed."""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="statistic",
    priority=530,
    hint="the matrix is transposed",
    only_numbers=True,
)
def transposed_statistic(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the transpose of a square matrix."""
    expected = context.expected
    if expected.ndim == 2 and expected.shape[0] == expected.shape[1]:
        yield predict(expected.T)

"""Probabilities of the categories of one axis that are normalised over another axis."""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=650,
    hint="the counts are normalised over {wrong}, not over the last axis, whose categories the "
    "probabilities are of",
)
def normalised_over_another_axis(context: MistakeContext) -> Iterator[Prediction]:
    """Predict counts that are divided by their sums over another axis, or over several."""
    counts = context.category_counts
    if counts is None or counts.shape != context.expected.shape or counts.ndim < 2:
        return
    # For a transition matrix there are hints that name states.
    if "transition matrix" in context.quantities:
        return
    last = counts.ndim - 1
    for axis in range(last):
        yield predict(counts / counts.sum(axis=axis, keepdims=True), wrong=f"axis {axis}")
        both = counts.sum(axis=(axis, last), keepdims=True)
        yield predict(counts / both, wrong=f"axes {axis} and {last}")
    if last > 1:
        yield predict(counts / counts.sum(), wrong="all axes")


@known_mistake(
    step="M",
    quantity="parameter",
    priority=660,
    hint="the counts are not divided by their sum",
)
def counts_not_normalised(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the expected counts."""
    counts = context.category_counts
    if counts is not None and "transition matrix" not in context.quantities:
        yield predict(counts if counts.shape == context.expected.shape else counts[..., 0])

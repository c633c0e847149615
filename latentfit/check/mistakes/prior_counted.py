"""The prior is counted where the likelihood alone is to be maximised."""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=120,
    hint="the prior is counted: this maximises Q plus the log prior",
)
def prior_counted(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q plus the log prior."""
    for value in context.with_prior:
        if value is not None:
            yield predict(value)

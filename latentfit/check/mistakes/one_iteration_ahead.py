"""An E step that uses the parameters of the next iteration."""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="entry",
    priority=330,
    hint="these are the expectations at the parameters that the M step returns: one iteration "
    "ahead",
)
def one_iteration_ahead(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the entry at the maximiser of Q."""
    examination, trial = context.examination, context.trial
    found = examination.complete.maximise(
        trial.statistics, trial.point, prior=examination.with_prior
    )
    if found.reached:
        entry = context.entry_at(examination.density.space.constrain(found.point))
        if entry is not None:
            yield predict(entry)

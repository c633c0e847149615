"""f(E[z]) where E[f(z)] belongs, such as a squared mean in place of a second moment."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict

FUNCTION_OF_EXPECTATION = (
    "the function of the expectation is used in place of the expectation of the function: a second "
    "moment, for example, without its variance term"
)


@known_mistake(step="E", quantity="statistic", priority=550, hint=FUNCTION_OF_EXPECTATION)
def function_of_expectation(context: MistakeContext) -> Iterator[Prediction]:
    """Predict f(E[z | x], x) for continuous latents."""
    examination = context.examination
    if not examination.complete.categories:
        latents = {name: context.trial.expected[name] for name in examination.complete.latents}
        function = examination.expectations[context.name]
        yield predict(np.asarray(function(latents, examination.data), float))

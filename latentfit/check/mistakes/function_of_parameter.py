"""An E step that uses a function of a parameter in place of the parameter."""

from collections.abc import Callable, Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.errors import DeclarationError

_FUNCTIONS: tuple[tuple[str, str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("the square of {}", "a variance where the standard deviation belongs", np.square),
    ("the square root of {}", "a standard deviation where the variance belongs", np.sqrt),
    ("1/{}", "a rate where the scale belongs, or the reverse", np.reciprocal),
    ("1/{}²", "a precision where the standard deviation belongs", lambda value: value**-2.0),
)


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=300,
    hint="{function} is used in place of {parameter} ({meaning})",
)
def function_of_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the posterior at parameters of which one is replaced by a function of it."""
    complete = context.examination.complete
    space = context.examination.density.space
    natural = space.constrain(context.trial.point)
    for name in space.parameters:
        value = np.asarray(natural[name], float)
        if not np.all(value > 0):
            continue
        for words, meaning, function in _FUNCTIONS:
            changed = {n: natural[n] for n in space.parameters} | {name: function(value)}
            try:
                point = space.unconstrain(changed)
            except DeclarationError:
                continue
            # Exact statistics do not use the generator.
            statistics = complete.statistics(point, np.random.default_rng(0))
            yield predict(
                context.entry_for(statistics),
                function=words.format(name),
                parameter=name,
                meaning=meaning,
            )

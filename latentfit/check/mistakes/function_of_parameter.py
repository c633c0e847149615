"""An E step that uses a function of a parameter in place of the parameter."""

from collections.abc import Callable, Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict

_FUNCTIONS: tuple[tuple[str, str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("the square of {}", "a variance where the standard deviation belongs", np.square),
    ("the square root of {}", "a standard deviation where the variance belongs", np.sqrt),
    ("1/{}", "a rate where the scale belongs, or the reverse", np.reciprocal),
    ("1/{}²", "a precision where the standard deviation belongs", lambda value: value**-2.0),
    ("1 - {}", "the probability of the other outcome", lambda value: 1 - value),
    ("2 {}", "a factor 2 too much, or its reciprocal left out", lambda value: 2 * value),
    ("{}/2", "a factor 2 left out, or its reciprocal too much", lambda value: value / 2),
    ("2 {}²", "a factor 2 with the square", lambda value: 2 * value**2),
    ("{}²/2", "a factor 2 with the square", lambda value: value**2 / 2),
    ("√2 {}", "a factor 2 too much with its square", lambda value: np.sqrt(2) * value),
    ("{}/√2", "a factor 2 is left out, as in exp(-u²) for exp(-u²/2)", lambda v: v / np.sqrt(2)),
)


@known_mistake(
    step="E",
    quantity="entry",
    priority=300,
    hint="{function} is used in place of {parameter} ({meaning})",
)
def function_of_parameter(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the entry at parameters of which one is replaced by a function of it."""
    space = context.examination.density.space
    natural = space.constrain(context.trial.point)
    params = {name: np.asarray(natural[name], float) for name in space.parameters}
    for name, value in params.items():
        simplex = space.transform(name) == "simplex"
        for words, meaning, function in () if simplex else _FUNCTIONS:
            changed = context.entry_at({**params, name: function(value)})
            if changed is not None:
                yield predict(changed, function=words.format(name), parameter=name, meaning=meaning)

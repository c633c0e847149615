"""Two parameters that are exchanged in the E step."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="entry",
    priority=320,
    hint="{one} and {other} are exchanged",
)
def exchanged_parameters(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the entry if two parameters of one shape changed places."""
    space = context.examination.density.space
    natural = space.constrain(context.trial.point)
    params = {name: np.asarray(natural[name], float) for name in space.parameters}
    for one, other in combinations(params, 2):
        if params[one].shape == params[other].shape:
            changed = {**params, one: params[other], other: params[one]}
            entry = context.entry_at(changed)
            if entry is not None:
                yield predict(entry, one=one, other=other)

"""A factor 2 that is left out of the probabilities of some categories, or too much in them."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from latentfit.check.closeness import close
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.check.mistakes._softmax import softmax

# With more numbers than these in the posterior probabilities for all subsets of categories, the
# subsets are too many to try.
_MAX_NUMBERS = 20_000_000


@known_mistake(
    step="E",
    quantity="categorical latent",
    priority=155,
    hint="in p(x, z) a factor 2 is left out for {left_out}, relative to the others",
)
def factor_of_categories(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the posterior if p(x, z = k) were half as large for some categories k."""
    joint = context.log_joint
    size = joint.shape[-1]
    if joint.size * 2.0**size > _MAX_NUMBERS:
        return
    before: list[np.ndarray] = []
    for count in range(1, size):
        for chosen in combinations(range(size), count):
            changed = joint.copy()
            changed[..., list(chosen)] -= np.log(2)
            entry = context.entry_for_posterior(softmax(changed))
            # A category that the data determine may be among them or not: the numbers are the same.
            if not any(close(entry, other) for other in before):
                before.append(entry)
                yield predict(entry, left_out=_words(chosen))


def _words(categories: tuple[int, ...]) -> str:
    plural = "categories" if len(categories) > 1 else "category"
    return f"{plural} {', '.join(map(str, categories))}"

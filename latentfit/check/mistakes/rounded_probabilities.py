"""Posterior probabilities that are rounded or clipped."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict

_MAX_DECIMALS = 4
# Significant digits of a bound: more than a constant in a program has.
_DIGITS = 5
_USUAL_BOUNDS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.001, 1e-4)


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=435,
    hint="the probabilities are rounded to {decimals} decimals",
)
def rounded_posterior(context: MistakeContext) -> Iterator[Prediction]:
    """Predict rounded probabilities."""
    r = context.posterior
    # Two categories that are rounded to 0 or 1 are hard assignments.
    for decimals in range(1 if r.shape[-1] == 2 else 0, _MAX_DECIMALS + 1):
        value = context.entry_for_posterior(np.round(r, decimals))
        yield predict(value, decimals=str(decimals))


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=440,
    hint="the probabilities are not allowed to be smaller than {bound}{then}",
    searched=True,
)
def clipped_posterior(context: MistakeContext) -> Iterator[Prediction]:
    """Predict probabilities of at least ε, normalised or not."""
    r = context.posterior
    if context.given.shape != r.shape:
        return
    given = context.given
    place = np.unravel_index(given.argmin(), r.shape)
    least = float(given[place])
    # By normalisation all other probabilities of the row have changed by the same factor.
    largest = (*place[:-1], given[place[:-1]].argmax())
    before = least * float(r[largest] / given[largest])
    # Where nothing is clipped, the bound cannot be found, but usual ones may be.
    for then, searched in (("", least), (", and then normalised", before)):
        for found in dict.fromkeys((searched, *_USUAL_BOUNDS)):
            if 0 < found < 1 / r.shape[-1]:
                bound = f"{found:.{_DIGITS}g}"
                clipped = np.maximum(r, float(bound))
                value = clipped / clipped.sum(axis=-1, keepdims=True) if then else clipped
                yield predict(context.entry_for_posterior(value), bound=bound, then=then)

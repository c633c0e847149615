"""Posterior probabilities that are rounded, clipped or squared before they are used."""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict

_MAX_DECIMALS = 4
# Significant digits of a bound: more than a constant in a program has.
_DIGITS = 5


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
    least = float(context.given.min())
    row = context.given[np.unravel_index(context.given.argmin(), r.shape)[:-1]]
    # After normalisation the other probabilities of the row have changed by the same factor.
    for then, found in (("", least), (", and then normalised", least / _sum_before(row, r))):
        if 0 < found < 1:
            bound = f"{found:.{_DIGITS}g}"
            clipped = np.maximum(r, float(bound))
            value = clipped / clipped.sum(axis=-1, keepdims=True) if then else clipped
            yield predict(context.entry_for_posterior(value), bound=bound, then=then)


def _sum_before(row: np.ndarray, r: np.ndarray) -> float:
    """Return by which factor normalisation changed the largest probability of a row."""
    nearest = np.abs(r - row).sum(axis=-1).argmin()
    largest = row.argmax()
    return float(row[largest] / r.reshape(-1, r.shape[-1])[nearest][largest])


@known_mistake(
    step="M",
    quantity="parameter",
    priority=530,
    hint="the responsibilities are {what} before they are used",
)
def changed_responsibilities(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q with squared or rounded responsibilities."""
    value = context.with_probabilities("squared", np.square)
    if value is not None:
        yield predict(value, what="squared")
    sizes = {r.shape[-1] for r in map(context.trial.statistics.get, _latents(context))}
    if sizes and min(sizes) > 2:
        value = context.with_probabilities("rounded", np.round)
        if value is not None:
            yield predict(value, what="rounded to 0 or 1")


def _latents(context: MistakeContext) -> tuple[str, ...]:
    complete = context.examination.complete
    return complete.latents if complete.exact and complete.discrete else ()


@known_mistake(
    step="M",
    quantity="parameter",
    priority=535,
    hint="the responsibilities are left out{where}: every observation counts equally in every "
    "component",
)
def unweighted(context: MistakeContext) -> Iterator[Prediction]:
    """Predict sums over all observations without their responsibilities."""
    value = context.with_probabilities("equal", lambda r: np.full_like(r, 1 / r.shape[-1]))
    if value is None:
        return
    yield predict(value, where="")
    (name, *others) = context.examination.complete.latents
    n = context.counts["the responsibilities' sum"]
    if not others and n.shape == value.shape:
        # The sums over observations are unweighted, but their divisor is not.
        r = context.trial.statistics[name]
        ratio = (r.size / r.shape[-1]) / n
        for power in (1.0, 0.5):
            yield predict(value * ratio**power, where=" of the numerator")


@known_mistake(
    step="E",
    quantity="discrete latent",
    priority=450,
    hint="the probabilities are not normalised: each row should sum to 1",
    only_numbers=True,
)
def not_normalised(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the posterior probabilities times the sums of what the step returned."""
    if context.is_latent and context.given.shape == context.posterior.shape:
        yield predict(context.posterior * context.given.sum(axis=-1, keepdims=True))

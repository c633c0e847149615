"""Posterior probabilities that are rounded, clipped or squared before they are used."""

from collections.abc import Callable, Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict
from latentfit.check.mistakes._softmax import softmax

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


@known_mistake(
    step="M",
    quantity="parameter",
    priority=530,
    hint="the responsibilities are {what} before they are used{where}",
)
def changed_responsibilities(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q with squared, rounded or twice normalised responsibilities."""
    changes: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
        ("squared", np.square),
        ("normalised by a softmax again", softmax),
    ]
    # Where all rows are rounded to a single 1, these are hard assignments.
    rounded = [np.round(context.trial.statistics[name]) for name in _latents(context)]
    if any(np.any(r.sum(axis=-1) != 1) for r in rounded):
        changes.append(("rounded to 0 or 1", np.round))
    for what, change in changes:
        for value, where in _with_and_without_divisor(context, what, change):
            yield predict(value, what=what, where=where)


def _with_and_without_divisor(
    context: MistakeContext, what: str, change: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[np.ndarray, str]]:
    """Yield the maximiser of Q, and the same with changed responsibilities in numerators alone."""
    value = context.with_probabilities(what, change, only_if_returned=False)
    if value is None:
        return
    yield value, ""
    (name, *others) = context.examination.complete.latents
    n = context.counts["the responsibilities' sum"]
    if not others and n.shape == value.shape:
        r = change(context.trial.statistics[name])
        ratio = r.reshape(-1, r.shape[-1]).sum(axis=0) / n
        for power in (1.0, 0.5):
            yield value * ratio**power, " in the numerator"


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
    for value, where in _with_and_without_divisor(context, "left out", np.ones_like):
        yield predict(value, where=where)


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
        sums = context.given.sum(axis=-1, keepdims=True)
        if np.all(sums != 0):
            yield predict(context.posterior * sums)


@known_mistake(
    step="E",
    quantity="entry",
    priority=455,
    hint="some entries are zero, and all others are right: is part of the data left out?",
    only_numbers=True,
)
def some_entries_zero(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the expectation, and zero where the step returned zero."""
    given, expected = context.given, context.expected
    if given.shape == expected.shape and np.any(given) and not np.all(given):
        # The same entries have to be zero at all trial points.
        which = ",".join(map(str, np.flatnonzero(given == 0)))
        yield predict(np.where(given == 0, 0.0, expected), which=which)

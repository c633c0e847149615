"""Maximisers of Q with other responsibilities."""

from collections.abc import Callable, Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext


def with_and_without_divisor(
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

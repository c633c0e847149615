"""Continuous latents that an M step leaves out, or counts twice."""

from collections.abc import Iterator

import numpy as np

from latentfit.bayes.complete_data import points_key
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=170,
    hint="the latent {name} {mistake}",
)
def weighted_latents(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q if the latents were multiplied by a number."""
    complete = context.examination.complete
    if complete.discrete or not complete.exact:
        return
    for name in complete.latents:
        key = points_key(name)
        points, size = context.trial.statistics[key], context.trial.statistics[name].size
        for mistake, factor in (
            ("counts as zero", 0.0),
            ("is counted twice", 2.0),
            ("has the wrong sign", -1.0),
            (f"is divided by the number of its entries, {size}", 1 / size),
        ):
            value = context.with_statistics(
                f"{name} {mistake}", {key: factor * points}, only_if_returned=factor != 0
            )
            if value is None:
                continue
            yield predict(value, name=name, mistake=mistake)
            if factor == 0:
                yield from _without_missing(context, name, value)


def _without_missing(context: MistakeContext, name: str, value: np.ndarray) -> Iterator[Prediction]:
    """Predict a value from the observed values alone, if the latents are missing data."""
    observed = context.examination.data.get(name.removesuffix("_unobserved"))
    if not np.ma.isMaskedArray(observed):
        return
    share = observed.count() / observed.size
    mistake = "is left out, and the missing values do not count as observations"
    for power in (1.0, -1.0, 0.5, -0.5):
        yield predict(value * share**power, name=name, mistake=mistake)

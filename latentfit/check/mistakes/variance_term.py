"""The variance term of a second moment, counted too often, not often enough, or with a factor.

E[z zᵀ] = E[z] E[z]ᵀ + var(z), and a sum over n units has n variance terms.
"""

from collections.abc import Iterator

import numpy as np

from latentfit.bayes.complete_data import points_key
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._counts import sizes_of
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


def _multiples(context: MistakeContext) -> Iterator[tuple[str, float]]:
    """Yield words for the mistake, and how often the variance term then counts."""
    for words, n in sizes_of(context.examination).items():
        yield f"is counted once in place of {n:g} times ({words})", 1 / n
        yield f"is counted {n:g} times ({words}) in place of once", n
    yield "has a factor 2 too much", 2.0
    yield "is half what it should be", 0.5


@known_mistake(step="E", quantity="statistic", priority=545, hint="the variance term {mistake}")
def variance_term_of_statistic(context: MistakeContext) -> Iterator[Prediction]:
    """Predict f(E[z]) + c (E[f(z)] - f(E[z])) for continuous latents."""
    examination = context.examination
    if examination.complete.discrete:
        return
    latents = {name: context.trial.expected[name] for name in examination.complete.latents}
    function = examination.expectations[context.name]
    of_means = np.asarray(function(latents, examination.data), float)
    variance_term = context.expected - of_means
    yield predict(of_means - variance_term, mistake="is subtracted in place of added")
    for mistake, multiple in _multiples(context):
        yield predict(of_means + multiple * variance_term, mistake=mistake)


@known_mistake(
    step="M",
    quantity="parameter",
    priority=150,
    hint="the conditional variance of {latents} {mistake}",
)
def conditional_variance(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q if the latents had another conditional variance."""
    complete = context.examination.complete
    if complete.discrete or not complete.exact:
        return
    latents = " and ".join(complete.latents)
    left_out = "is left out: their conditional means are used as if they were the latents"
    for mistake, multiple in ((left_out, 0.0), *_multiples(context)):
        changed = {}
        for name in complete.latents:
            mean, points = (context.trial.statistics[key] for key in (name, points_key(name)))
            changed[points_key(name)] = mean + np.sqrt(multiple) * (points - mean)
        value = context.with_statistics(mistake, changed)
        if value is not None:
            yield predict(value, latents=latents, mistake=mistake)

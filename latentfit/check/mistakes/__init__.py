"""Known mistakes: which one explains the numbers that a step returned.

Each module of this folder without a leading underscore holds one known mistake, or a small family
of one idea. All of them are imported here; to add a known mistake, write one new module and its
test, and edit nothing else.

A known mistake is a function that predicts the numbers that the mistake would lead to::

    from collections.abc import Iterator

    from latentfit.check.mistakes._context import MistakeContext
    from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


    @known_mistake(
        step="M",
        quantity="parameter",
        priority=450,
        hint="{name} is {factor} times what it should be",
    )
    def tenfold(context: MistakeContext) -> Iterator[Prediction]:
        yield predict(10 * context.expected, name=context.name, factor="ten")

`step` is ``"E"`` or ``"M"``. `quantity` is the kind of quantity that the mistake applies to, one of
`Quantity`. The function takes a `MistakeContext`, whose parts are computed when they are first
asked for: the right value, the maximisers of variants of Q, the joint density of a categorical
latent, the terms of a Markov chain, the numbers of observations. It yields the value that the whole
entry or parameter would have, with the words for the placeholders in the hint. It may divide by
zero: predictions that are not finite never match. It yields nothing if the mistake cannot be made.

A hint is given if the prediction is what the step returned, within `SAME_VALUE_RELATIVE`, at every
trial point, and if no other known mistake comes closer. Where several come equally close, the one
with the lowest priority is named, so that a specific mistake should have a lower one than a vague
one. Priorities of mistakes that can apply to the same quantity differ. In use are, for the E step,

- 100 to 199, a latent's posterior: Bayes' theorem, forward-backward algorithm, conditional means;
- 300, a parameter is replaced by a function of it;
- 400 to 499, posterior probabilities that were changed after they were computed;
- 500 to 599, a declared statistic;

and for the M step

- 100 to 199, a value that is not updated, the prior, old values of other parameters;
- 200 to 299, one quantity where another belongs: variance and standard deviation, rate and scale;
- 300 to 399, a wrong number of observations in a divisor;
- 400 to 499, a constant factor;
- 500 to 599, hard assignments, the order of components;
- 600 to 699, a transition matrix.
"""

import importlib
import pkgutil

from latentfit.check.mistakes._context import MistakeContext, Quantity
from latentfit.check.mistakes._explain import Explanation, explain_entry, explain_parameter
from latentfit.check.mistakes._maximisers import QMaximisers
from latentfit.check.mistakes._registry import (
    KnownMistake,
    Prediction,
    known_mistake,
    predict,
    registered,
)

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    if not _module.startswith("_"):
        importlib.import_module(f"{__name__}.{_module}")

from latentfit.check.mistakes.function_of_expectation import (  # noqa: E402
    FUNCTION_OF_EXPECTATION,
)

__all__ = [
    "FUNCTION_OF_EXPECTATION",
    "Explanation",
    "KnownMistake",
    "MistakeContext",
    "Prediction",
    "QMaximisers",
    "Quantity",
    "explain_entry",
    "explain_parameter",
    "known_mistake",
    "predict",
    "registered",
]

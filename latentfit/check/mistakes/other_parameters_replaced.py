"""An update that uses something else in place of another parameter.

Sums of squares about zero or about the mean of all observations are examples.
"""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=160,
    hint="in the update, {replaced} in place of {other}",
)
def other_parameter_replaced(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q if another parameter were zero, or equal in all components."""
    space = context.examination.density.space
    n = context.counts.get("the responsibilities' sum")
    for other in context.other_parameters:
        right = context.right_value(other)
        if right is None or space.transform(other):
            continue
        changes = [("zero is used", np.zeros_like(right))]
        if n is not None and n.shape == right.shape:
            common = np.full_like(right, right @ n / n.sum())
            changes.append(("the mean of all observations is used", common))
        for replaced, value in changes:
            predicted = context.with_other(other, value, replaced)
            if predicted is not None:
                yield predict(predicted, other=other, replaced=replaced)

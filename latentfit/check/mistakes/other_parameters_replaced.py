"""An update that uses something else in place of another parameter.

Sums of squares about zero or about the mean of all observations are examples.
"""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=160,
    hint="in the update, {other} is {replaced}",
)
def other_parameter_replaced(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q if another parameter were zero, or equal in all components."""
    space = context.examination.density.space
    for other in context.other_parameters:
        if not space.transform(other):
            value = context.with_other_zero(other)
            if value is not None:
                yield predict(value, other=other, replaced="taken to be zero")
        shape = space.shapes[other]
        if shape and shape[-1] > 1 and space.transform(other) != "simplex":
            value = context.with_pooled_other(other)
            if value is not None:
                words = "estimated from all components together"
                yield predict(value, other=other, replaced=words)

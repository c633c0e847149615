"""An update that uses the old values of other parameters where their new values belong.

If such an update increases Q, it is a conditional maximisation (ECM: Meng & Rubin 1993, Biometrika
80(2)), and no mistake.
"""

from collections.abc import Iterator

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=130,
    hint="the update uses the old values of the other parameters",
    increases_q=True,
)
def old_values_of_others(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q in this parameter at the old values of all others."""
    if context.one_at_a_time is not None:
        yield predict(context.one_at_a_time)


@known_mistake(
    step="M",
    quantity="parameter",
    priority=135,
    hint="the update uses the old value of {other}",
    increases_q=True,
)
def old_value_of_another(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q in this parameter at the old value of one of several others."""
    others = context.other_parameters
    for other in others if len(others) > 1 else ():
        value = context.with_old(other)
        if value is not None:
            yield predict(value, other=other)

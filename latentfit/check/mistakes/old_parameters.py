"""An update that uses the old values of other parameters where their new values belong.

If such an update increases Q, it is a conditional maximisation (ECM: Meng & Rubin 1993, Biometrika
80(2)), and no mistake.
"""

from collections.abc import Iterator

import numpy as np

from latentfit.check.closeness import close
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="M",
    quantity="parameter",
    priority=130,
    hint="the update uses {what}",
    increases_q=True,
)
def old_values(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the maximiser of Q in this parameter at the old value of one or of all others."""
    others, found = context.other_parameters, list[np.ndarray]()
    for other in others:
        value = context.with_old(other)
        if value is not None:
            found.append(value)
            yield predict(value, what=f"the old value of {other}")
    # If the update depends on one other parameter alone, the hint names that one.
    value = context.one_at_a_time
    if value is not None and not any(close(value, one) for one in found):
        yield predict(value, what="the old values of the other parameters")

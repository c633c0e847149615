"""An M step that comes so close to the maximum of Q that a numerical maximiser may explain it.

A right M step that maximises Q numerically stops at the tolerance of its optimiser. The difference
that remains is larger than rounding, and contradicts nothing.
"""

from collections.abc import Sequence

import numpy as np

from latentfit.check._updates import Update, worst
from latentfit.check.result import Check, Finding, Outcome

# In complete-data standard errors: what numerical maximisers leave with their usual tolerances.
# Nelder-Mead stops within 1e-4 of a logarithm, L-BFGS at a relative increase of 1e-9.
NUMERICAL_MAXIMISER_STANDARD_ERRORS = 1e-2


def examine(updates: Sequence[Update]) -> Outcome | None:
    """Return a warning if the M step almost maximises Q at every θ'; otherwise None.

    Parameters
    ----------
    updates : sequence of Update
        Some of which do not maximise Q.
    """
    largest = max(
        float(np.max(update.difference(name), initial=0.0))
        for update in updates
        for name in update.expected
    )
    if not largest <= NUMERICAL_MAXIMISER_STANDARD_ERRORS:
        return None
    update, name = worst(updates)
    message = (
        f"the M step is at most {largest:.1g} standard errors from the maximum of Q, but not at it "
        f"({update.describe(name)}). This may only be the tolerance of a numerical maximiser in "
        f"the M step. Decrease this tolerance to test whether the M step is right"
    )
    finding = Finding("M", name, "warning", message, None, update.evidence(name))
    return Outcome((Check("m_step.maximum", "warn", message),), (finding,))

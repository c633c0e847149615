"""Squared extrapolation, SQUAREM.

Varadhan & Roland (2008), Scandinavian Journal of Statistics 35(2), 335-353.

Of three successive iterates x, F(x) and F(F(x)), let r = F(x) - x be the first step and
v = F(F(x)) - 2 F(x) + x its change. If the map were linear with a single rate, x - α r with
α = -1 / (1 - rate) would be its fixed point. Squared, this is

    x - 2 α r + α² v,        α = -|r| / |v|

(their step length S3, the geometric mean of the two least-squares step lengths). A plain step
follows, which damps the components that the extrapolation has amplified, before the next three
iterates.
"""

import numpy as np

from latentfit.em.accelerate._history import History
from latentfit.em.accelerate._registry import register


@register("squarem", fast=True)
def squarem(history: History) -> np.ndarray | None:
    """Propose a point after two plain steps; after an accepted proposal one more precedes them."""
    since = history.since_proposal
    was_accepted = len(history.points) > since and not history.is_consecutive(since)
    if since < (3 if was_accepted else 2) or not history.is_consecutive(1):
        return None
    first, second = history.steps[-2:]
    change = second - first
    size = np.linalg.norm(change)
    if size == 0:
        return None
    # The bound -1 makes the proposal lead at least as far as the two plain steps.
    alpha = -max(1.0, float(np.linalg.norm(first) / size))
    proposal: np.ndarray = history.points[-2] - 2 * alpha * first + alpha**2 * change
    return proposal

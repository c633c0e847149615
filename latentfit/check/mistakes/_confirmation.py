"""How many different θ' confirm that a known mistake reproduces the numbers."""

from collections.abc import Iterable

import numpy as np

from latentfit.check.examination import TrialPoint

# At one θ' or two, different mistakes may lead to the same numbers by chance.
CONFIRMATIONS = 3
# Relative difference of two coordinates, or absolute if they are below 1, that is rounding.
_SAME_COORDINATE = 1e-6


def confirmed(trials: Iterable[TrialPoint]) -> bool:
    """Return whether there are enough trial points that differ in every coordinate.

    Trial points that share a coordinate, such as starting values that all have the same variance,
    count as one: a mistake in what depends on this coordinate would lead to the same numbers at all
    of them.

    Parameters
    ----------
    trials : iterable of TrialPoint
    """
    different: list[np.ndarray] = []
    for trial in trials:
        if all(_differ(trial.point, other) for other in different):
            different.append(trial.point)
    return len(different) >= CONFIRMATIONS


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.all(np.abs(one - other) > _SAME_COORDINATE * np.maximum(1, np.abs(other))))

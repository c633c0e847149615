"""What an accelerator is given: the latest evaluations of the EM map."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Objective = Callable[[np.ndarray], float]


class History(NamedTuple):
    """The latest evaluations of a fixed-point map, in unconstrained coordinates.

    Attributes
    ----------
    points, images : ndarray, shape (n, q)
        The map takes each point to the image in the same row; the latest evaluation is last.
    evaluations : int
        Number of evaluations so far, including those that are no longer in `points`.
    since_proposal : int
        Number of evaluations since the latest proposal, whether or not it was accepted. The latest
        evaluation counts: the number is 1 in the first call and in the call after a proposal.
    accepted_proposals : int
        Number of proposals that were accepted so far.
    objective : callable or None
        ``objective(point)``, the number that the map never decreases, of a point of shape (q,);
        minus infinity if it cannot be computed. None if the model has no log-likelihood.
    """

    points: np.ndarray
    images: np.ndarray
    evaluations: int
    since_proposal: int
    accepted_proposals: int
    objective: Objective | None = None

    @property
    def steps(self) -> np.ndarray:
        """The steps from points to images, shape (n, q)."""
        steps: np.ndarray = self.images - self.points
        return steps

    def is_consecutive(self, count: int) -> bool:
        """Whether each of the latest `count` evaluations started at the image before it.

        An evaluation at an accepted proposal did not.
        """
        return len(self.points) > count and all(
            np.array_equal(self.points[-k], self.images[-k - 1]) for k in range(1, count + 1)
        )

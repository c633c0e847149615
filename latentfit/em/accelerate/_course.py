"""What an accelerator knows: where the map was evaluated, and what it gave."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Course(NamedTuple):
    """The latest evaluations of a fixed-point map, in coordinates that are free to take any value.

    Attributes
    ----------
    points, images : ndarray, shape (n, q)
        The map takes each of the points to the image in the same row; the latest are last.
    evaluations : int
        How many evaluations there have been, those that are no longer held included.
    since : int
        How many since the latest proposal, whether that was followed or not.
    leaps : int
        How many proposals have been followed.
    objective : callable or None
        What the map never decreases, where it is known: coordinates, (q,), to a number.
    """

    points: np.ndarray
    images: np.ndarray
    evaluations: int
    since: int
    leaps: int
    objective: Callable[[np.ndarray], float] | None = None

    @property
    def steps(self) -> np.ndarray:
        """From points to images, shape (n, q)."""
        return self.images - self.points

    def went_on(self, back: int) -> bool:
        """Whether the latest evaluations, this many and one, each began at the image of the last.

        And not at a proposal, that is.
        """
        return len(self.points) > back and all(
            np.array_equal(self.points[-k], self.images[-k - 1]) for k in range(1, back + 1)
        )


# From the evaluations so far to where the fixed point may be; None to let the map go on.
Accelerator = Callable[[Course], np.ndarray | None]

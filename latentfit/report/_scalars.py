"""The scalar parameters with their posterior draws."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latentfit.declaration import labels

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, Parameter

# More pictures than this nobody looks at.
MOST = 24


@dataclass(frozen=True)
class Scalar:
    """A row of the agreement table and its draws, ``(chain, draw)``, natural scale."""

    row: "Parameter"
    draws: np.ndarray

    @property
    def varies(self) -> bool:
        """Whether there is a distribution to draw."""
        return bool(np.isfinite(self.draws).all() and np.ptp(self.draws) > 0)


def scalars(comparison: "Comparison", most: int = MOST) -> tuple[Scalar, ...]:
    """The first of the parameters that have draws, in the order of the table."""
    draws = dict(_draws(comparison))
    rows = [row for row in comparison.parameters if row.name in draws]
    return tuple(Scalar(row, draws[row.name]) for row in rows[:most])


def _draws(comparison: "Comparison") -> Iterator[tuple[str, np.ndarray]]:
    posterior = comparison.tree["posterior"].to_dataset()
    for name in map(str, comparison.tree["em"].data_vars):
        values = posterior[name].transpose("chain", "draw", ...).values
        shape = values.shape[2:]
        for label, index in zip(labels(name, shape), np.ndindex(shape), strict=True):
            yield label, values[(..., *index)]

"""The scalar parameters with their posterior draws."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
    """The first of the parameters, in the order of the table."""
    return tuple(
        Scalar(row, draws)
        for row, draws, _ in zip(comparison.parameters, _draws(comparison), range(most))  # noqa: B905
    )


def _draws(comparison: "Comparison") -> Iterator[np.ndarray]:
    posterior = comparison.tree["posterior"].to_dataset()
    for name in comparison.tree["em"].data_vars:
        values = posterior[name].transpose("chain", "draw", ...).values
        for index in np.ndindex(values.shape[2:]):
            yield values[(..., *index)]

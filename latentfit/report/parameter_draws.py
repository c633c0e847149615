"""The scalar parameters of a comparison with their posterior draws."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latentfit.declaration import labels

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, Parameter

# Number of parameters that are drawn, one picture each; the tables list all parameters.
MAX_DRAWN = 24


@dataclass(frozen=True)
class ParameterDraws:
    """A row of the table of estimates with its posterior draws.

    Attributes
    ----------
    row : Parameter
    draws : ndarray, shape (chain, draw)
        Natural scale.
    """

    row: "Parameter"
    draws: np.ndarray

    @property
    def varies(self) -> bool:
        """Whether the draws are finite and not all equal, so that they have a distribution."""
        return bool(np.isfinite(self.draws).all() and np.ptp(self.draws) > 0)


def parameter_draws(
    comparison: "Comparison", max_drawn: int = MAX_DRAWN
) -> tuple[ParameterDraws, ...]:
    """Return the first parameters that have draws, in the order of the table of estimates."""
    draws = dict(_draws_by_label(comparison))
    rows = [row for row in comparison.parameters if row.name in draws]
    return tuple(ParameterDraws(row, draws[row.name]) for row in rows[:max_drawn])


def _draws_by_label(comparison: "Comparison") -> Iterator[tuple[str, np.ndarray]]:
    posterior = comparison.tree["posterior"].to_dataset()
    for name in map(str, comparison.tree["em"].data_vars):
        values = posterior[name].transpose("chain", "draw", ...).values
        shape = values.shape[2:]
        for label, index in zip(labels(name, shape), np.ndindex(shape), strict=True):
            yield label, values[(..., *index)]

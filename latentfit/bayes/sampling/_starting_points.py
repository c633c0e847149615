"""Starting points of chains: points drawn from the prior at which the log density is finite.

A draw from the prior need not be possible given the data. A lifetime that is known to exceed 3 may
be drawn below 3, and a bound of the data may be drawn below one of them. For many latents no single
draw from the prior is possible in all of them. A point is then composed of entries of several draws
(a search that reduces the number of conflicts: Minton, Johnston, Philips & Laird 1992, Artificial
Intelligence 58): some entries are replaced by those of another draw, and the new point is kept
unless it makes more terms of the log density impossible.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from pymc.logprob.utils import ParameterValueError

from latentfit.errors import DeclarationError

# Number of draws of all entries at once before the search by single entries.
_WHOLE_DRAWS = 20
# Number of replacements that are tried, for each entry and in addition.
_REPLACEMENTS_PER_ENTRY = 50
_REPLACEMENTS = 2000

# {variable: number of entries whose log density is not finite}
Impossible = Mapping[str, int]


@dataclass(frozen=True)
class StartingPoints:
    """Starting points of one model.

    Attributes
    ----------
    draw : callable
        From a seed to an unconstrained point, drawn from the prior.
    count_impossible : callable
        From a point to `Impossible`.
    """

    draw: Callable[[int], np.ndarray]
    count_impossible: Callable[[np.ndarray], Impossible]

    def __call__(self, seed: int) -> np.ndarray:
        """Return a point with finite log density: the draw from the prior if it has one.

        Raises
        ------
        DeclarationError
            No such point was found.
        """
        point = self.draw(seed)
        impossible = self._impossible(point)
        if not impossible:
            return point
        rng = np.random.default_rng(seed)
        for _ in range(_WHOLE_DRAWS):
            other = self._another(rng)
            found = self._impossible(other)
            if found < impossible:
                point, impossible = other, found
            if not impossible:
                return point
        for _ in range(_REPLACEMENTS + _REPLACEMENTS_PER_ENTRY * point.size):
            proposal = self._with_replacements(point, rng)
            found = self._impossible(proposal)
            if found <= impossible:
                point, impossible = proposal, found
            if not impossible:
                return point
        terms = {name: count for name, count in self._counts(point).items() if count}
        where = ", ".join(f"{name} ({count} of its entries)" for name, count in terms.items())
        raise DeclarationError(
            f"NUTS cannot start: no values drawn from the prior were found at which the model is "
            f"possible. The log density stays minus infinity for {where or 'some values'}. A prior "
            f"that is closer to the data helps, or bounds that the data respect"
        )

    def excluded_by_data(self, seed: int) -> bool:
        """Whether one of several draws from the prior has density 0."""
        rng = np.random.default_rng(seed)
        return any(self._impossible(self._another(rng)) for _ in range(_WHOLE_DRAWS))

    def _with_replacements(self, point: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Replace a random number of entries, most often one or a few, by those of a draw."""
        most = int(np.log2(point.size)) + 1
        number = min(point.size, 2 ** int(rng.integers(most + 1)) // 2 + 1)
        entries = rng.choice(point.size, number, replace=False)
        proposal = point.copy()
        proposal[entries] = self._another(rng)[entries]
        return proposal

    def _another(self, rng: np.random.Generator) -> np.ndarray:
        return self.draw(int(rng.integers(2**31)))

    def _impossible(self, point: np.ndarray) -> float:
        return float(sum(self._counts(point).values()))

    def _counts(self, point: np.ndarray) -> Impossible:
        try:
            return self.count_impossible(point)
        except ParameterValueError:
            # PyMC refuses to evaluate the log density.
            return {"the values of its parameters": point.size}

"""Short runs: a few EM iterations from many starts; EM continues from the best (em-EM).

The limit point of EM depends on its start, and most iterations are spent near it. A few
iterations from many starts explore more of the parameter space than many iterations from a few
starts (Biernacki, Celeux & Govaert 2003, Computational Statistics & Data Analysis 41(3-4),
561-575). In that paper a short run ends when its gain has fallen to a share of its total gain. Here
every short run has the same number of iterations, so that log-likelihoods are compared at equal
cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from latentfit.em.fits import ShortRun, rank
from latentfit.em.stopping import Stopping
from latentfit.errors import InputError


@dataclass(frozen=True)
class ShortRuns:
    """Settings for short runs (em-EM).

    Parameters
    ----------
    keep : int
        Number of short runs from which EM is continued: those with the highest log-likelihoods.
    iterations : int
        Largest number of iterations of a short run.

    Raises
    ------
    InputError
        One of these is below 1.
    """

    keep: int
    iterations: int = 10

    def __post_init__(self) -> None:
        """Validate the settings."""
        for name in ("keep", "iterations"):
            value = getattr(self, name)
            if value < 1:
                raise InputError(f"ShortRuns: {name} must be at least 1, not {value!r}")

    @property
    def stopping(self) -> Stopping:
        """Criteria that stop a short run."""
        return Stopping(max_iterations=self.iterations)


def with_best_marked(runs: Sequence[ShortRun], keep: int) -> tuple[ShortRun, ...]:
    """Mark the short runs from which EM continues.

    Parameters
    ----------
    runs : sequence of ShortRun
    keep : int
        How many to mark: those with the highest log-likelihoods, degenerate runs last.
    """
    order = sorted(range(len(runs)), key=lambda number: rank(runs[number], prefer_converged=False))
    best = set(order[:keep])
    return tuple(replace(run, kept=number in best) for number, run in enumerate(runs))

"""Why a stochastic algorithm stopped."""

import enum

from latentfit.em.stopping import Stop


class StochasticStop(enum.Enum):
    """Why a run of a stochastic algorithm stopped.

    The value of a member is a sentence for the reader. None of the members means convergence,
    because small steps are no sign of it if steps shrink by design.
    """

    COMPLETED = "Completed: all requested iterations"
    EXHAUSTED = "Completed: the stream has no more batches"
    NOT_FINITE = Stop.NOT_FINITE.value
    COLLAPSED = Stop.COLLAPSED.value
    EMPTY_COMPONENT = Stop.EMPTY_COMPONENT.value

    @property
    def degenerate(self) -> bool:
        """Whether the final parameters are not an estimate."""
        return self not in (StochasticStop.COMPLETED, StochasticStop.EXHAUSTED)

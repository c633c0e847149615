"""Why a stochastic algorithm ended."""

import enum

from latentfit.em.stopping import Stop


class Ending(enum.Enum):
    """Why a run ended. The value of a member is the sentence that the reader sees.

    None says that it converged: with steps that shrink by design a small one is no sign of it.
    """

    COMPLETED = "Completed: every iteration that was asked for"
    EXHAUSTED = "Completed: there were no more batches"
    NOT_FINITE = Stop.NOT_FINITE.value
    COLLAPSED = Stop.COLLAPSED.value
    EMPTY_COMPONENT = Stop.EMPTY_COMPONENT.value

    @property
    def degenerate(self) -> bool:
        """Whether the end is no estimate at all."""
        return self not in (Ending.COMPLETED, Ending.EXHAUSTED)

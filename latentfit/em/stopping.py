"""Why the EM loop ended, and when it is told to."""

import enum
from dataclasses import dataclass

from latentfit.errors import InputError


class Stop(enum.Enum):
    """Why EM ended. The value of a member is the sentence that the reader sees."""

    DISTANCE = "Converged: the estimated distance still to go is below the tolerance"
    PARAMETERS = "Converged: the parameters no longer change"
    LOG_LIKELIHOOD = "Converged: the log-likelihood no longer changes"
    ITERATION_LIMIT = "Not converged: the limit on iterations was reached"
    NOT_FINITE = "Broke down: a value is not finite"
    COLLAPSED = (
        "Collapsed: the likelihood is unbounded where a component sits on a single point "
        "or on identical values"
    )
    EMPTY_COMPONENT = "Broke down: a component has no observations left"

    @property
    def converged(self) -> bool:
        """Whether a fixed point of EM was reached."""
        return self in (Stop.DISTANCE, Stop.PARAMETERS, Stop.LOG_LIKELIHOOD)

    @property
    def degenerate(self) -> bool:
        """Whether the end is no estimate at all."""
        return self in (Stop.NOT_FINITE, Stop.COLLAPSED, Stop.EMPTY_COMPONENT)


@dataclass(frozen=True)
class Stopping:
    """When to stop; the first criterion that is met decides, None switches one off.

    Distances and changes are relative, for each parameter array by itself: the largest
    absolute change of an entry, over the larger of the array's largest absolute entry and a
    ten-thousandth of its largest movement away from the start. A parameter that tends to zero
    is thus held to the way that it has come, and no criterion depends on the units of the
    data. Whatever is
    switched off, steps that have shrunk to rounding error end the run, as PARAMETERS.

    Parameters
    ----------
    distance : float, optional
        Estimated distance from the present parameters to the limit. EM converges linearly, so
        a small step is no proof of a short way left: at rate ρ it is step · ρ / (1 - ρ)
        (Aitken's extrapolation). Applies once successive ratios of steps agree.
    parameters : float, optional
        Change of the parameters in one iteration.
    log_likelihood : float, optional
        Absolute change of the log-likelihood in one iteration. Absolute, since a difference of
        log-likelihoods does not depend on the units of the data, and its size, which is what
        a relative change would be compared with, does.
    max_iterations : int

    Raises
    ------
    InputError
        A tolerance is not positive, or the limit is below 1.
    """

    distance: float | None = 1e-8
    parameters: float | None = 1e-12
    log_likelihood: float | None = None
    max_iterations: int = 10_000

    def __post_init__(self) -> None:
        for name in ("distance", "parameters", "log_likelihood"):
            tolerance = getattr(self, name)
            if tolerance is not None and not tolerance > 0:
                raise InputError(f"Stopping: {name} must be positive or None, not {tolerance!r}")
        if self.max_iterations < 1:
            raise InputError(
                f"Stopping: max_iterations must be at least 1, not {self.max_iterations!r}"
            )

"""When the EM loop stops, and why it stopped."""

import enum
from dataclasses import dataclass

from latentfit.errors import InputError


class Stop(enum.Enum):
    """Why EM stopped.

    The value of a member is a sentence for the reader, "outcome: reason". `Solution.message` adds
    the numbers to it.
    """

    DISTANCE = (
        "Converged: the estimated relative distance to the limit point is below the tolerance"
    )
    PARAMETERS = "Converged: the parameters no longer change"
    LOG_LIKELIHOOD = "Converged: the log-likelihood no longer changes"
    ITERATION_LIMIT = "Not converged: the limit on iterations was reached"
    NOT_FINITE = "Failed: a value is not finite"
    COLLAPSED = (
        "Collapsed: the likelihood is unbounded where a component is concentrated on a single "
        "point or on identical values"
    )
    EMPTY_COMPONENT = "Failed: a component has no observations left"

    @property
    def converged(self) -> bool:
        """Whether EM converged to a fixed point."""
        return self in (Stop.DISTANCE, Stop.PARAMETERS, Stop.LOG_LIKELIHOOD)

    @property
    def degenerate(self) -> bool:
        """Whether the final parameters are not an estimate."""
        return self in (Stop.NOT_FINITE, Stop.COLLAPSED, Stop.EMPTY_COMPONENT)

    @property
    def outcome(self) -> str:
        """The outcome in a few words, such as ``converged (distance)``."""
        outcome = self.value.split(":", 1)[0].lower()
        criterion = self.name.lower().replace("_", " ")
        return outcome if outcome == criterion else f"{outcome} ({criterion})"

    def after(self, iterations: int) -> str:
        """Return the sentence with the number of iterations: "Converged in 23 iterations: ..."."""
        outcome, reason = self.value.split(": ", 1)
        return f"{outcome} in {iterations} iteration{'' if iterations == 1 else 's'}: {reason}"


@dataclass(frozen=True)
class Stopping:
    """Criteria that stop EM. The first one that is met decides; None disables a criterion.

    Distances and changes of the parameters are relative, and computed for each parameter array
    separately: the largest absolute change of an entry, divided by the array's scale. The scale
    is the larger of the array's largest absolute entry and 1e-4 times the largest distance that
    EM has moved the array from its start. The second term keeps the scale positive for a
    parameter that tends to zero. No criterion depends on the units of the data.

    Whichever criteria are disabled, a run stops, with `Stop.PARAMETERS`, once its steps are no
    larger than rounding error.

    Parameters
    ----------
    distance : float, optional
        Tolerance for the estimated relative distance between the current parameters and the limit
        point. EM converges linearly, so a small step does not prove that the limit point is near:
        with rate of convergence ρ the distance is step · ρ / (1 - ρ) (Aitken's extrapolation). The
        criterion applies once successive ratios of steps agree on a rate.
    parameters : float, optional
        Tolerance for the relative change of the parameters in one iteration.
    log_likelihood : float, optional
        Tolerance for the absolute change of the log-likelihood in one iteration, in nats. It is
        absolute because a difference of log-likelihoods does not depend on the units of the data,
        whereas their magnitude does.
    max_iterations : int
        Largest number of iterations.

    Raises
    ------
    InputError
        A tolerance is not positive, or the limit on iterations is below 1.
    """

    distance: float | None = 1e-8
    parameters: float | None = 1e-12
    log_likelihood: float | None = None
    max_iterations: int = 10_000

    def __post_init__(self) -> None:
        """Validate the tolerances."""
        for name in ("distance", "parameters", "log_likelihood"):
            tolerance = getattr(self, name)
            if tolerance is not None and not tolerance > 0:
                raise InputError(f"Stopping: {name} must be positive or None, not {tolerance!r}")
        if self.max_iterations < 1:
            raise InputError(
                f"Stopping: max_iterations must be at least 1, not {self.max_iterations!r}"
            )

"""Step sizes of stochastic approximation.

    s ← s + γ_k (S_k - s),    γ_k = (k + k₀)^(-α)

converges if Σ γ_k = ∞, so that the limit can be reached from anywhere, and Σ γ_k² < ∞, so that the
noise vanishes (Robbins & Monro 1951, Annals of Mathematical Statistics 22(3), 400-407): 1/2 < α ≤
1. With α = 1 the error shrinks as k^(-1/2) only if less than half of the information is missing,
and more slowly, as k^-(1 - ρ), if EM's rate of convergence ρ is above 1/2. With α < 1 and averaged
iterates (Polyak & Juditsky 1992, SIAM Journal on Control and Optimization 30(4), 838-855) it
shrinks as k^(-1/2) whatever ρ is, and with the smallest possible variance. The default is therefore
0.6, as recommended by Cappé & Moulines (2009).
"""

import math
from dataclasses import dataclass

from latentfit.errors import InputError

EXPONENT = 0.6


@dataclass(frozen=True)
class StepSize:
    """The step size γ_k as a function of the iteration k = 1, 2, ...

    γ_k = 1 for k ≤ `full_steps`, then (k - `full_steps` + `offset`)^(-`exponent`).

    Parameters
    ----------
    exponent : float
        α, in (1/2, 1].
    offset : float
        k₀.
    full_steps : int
        Number of iterations with step size 1.

    Raises
    ------
    InputError
        The exponent is outside (1/2, 1], or the offset is negative or not finite.
    """

    exponent: float = EXPONENT
    offset: float = 0.0
    full_steps: int = 0

    def __post_init__(self) -> None:
        """Validate the exponent and the offset."""
        if not 0.5 < self.exponent <= 1:
            reason = (
                "above 1 the step sizes have a finite sum, and the limit may never be reached"
                if self.exponent > 1
                else "at 1/2 and below their squares have an infinite sum, and the noise does not "
                "vanish"
            )
            raise InputError(
                f"the exponent of the step sizes must be in (0.5, 1], not {self.exponent!r}: "
                f"{reason}"
            )
        if not (self.offset >= 0 and math.isfinite(self.offset)):
            raise InputError(
                f"the offset of the step sizes must be finite and not negative, not {self.offset!r}"
            )

    def __call__(self, iteration: int) -> float:
        """Return the step size of an iteration; the first is 1."""
        if iteration <= self.full_steps:
            return 1.0
        return float((iteration - self.full_steps + self.offset) ** -self.exponent)


def full_step(iteration: int) -> float:
    """Return the step size 1, with which each iteration replaces all earlier statistics."""
    return 1.0

"""Step sizes of stochastic approximation.

    s ← s + γ_k (S_k - s),    γ_k = (k + k₀)^(-α)

leads to the limit if Σ γ_k = ∞, for it to be reached from anywhere, and Σ γ_k² < ∞, for the noise
to die out (Robbins & Monro 1951): 1/2 < α ≤ 1. With α = 1 the error only shrinks as k^(-1/2) where
less than half of the information is missing, and more slowly, as k^-(1 - ρ), where the rate ρ of
EM is above 1/2. With α < 1 and the iterates averaged (Polyak & Juditsky 1992) it does so whatever
ρ is, and with the least possible variance: that is why 0.6 is the default, as Cappé & Moulines
(2009) recommend.
"""

import math
from dataclasses import dataclass

from latentfit.errors import InputError

EXPONENT = 0.6


@dataclass(frozen=True)
class StepSize:
    """γ_k = 1 for k ≤ `full`, then (k - `full` + `offset`)^(-`exponent`); k = 1, 2, ...

    Raises
    ------
    InputError
        The exponent is outside of (1/2, 1], or the offset is negative or not finite.
    """

    exponent: float = EXPONENT
    offset: float = 0.0
    full: int = 0

    def __post_init__(self) -> None:
        if not 0.5 < self.exponent <= 1:
            reason = (
                "above 1 the step sizes have a finite sum, and the limit may never be reached"
                if self.exponent > 1
                else "at 1/2 and below their squares have an infinite sum, and the noise never dies"
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
        if iteration <= self.full:
            return 1.0
        return float((iteration - self.full + self.offset) ** -self.exponent)


def every_step_full(iteration: int) -> float:
    """γ_k = 1: nothing of earlier iterations is kept."""
    return 1.0

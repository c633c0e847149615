"""One thing that is wrong with one call of a step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from latentfit.check.examination import TrialPoint

StepName = Literal["e_step", "m_step"]
# The parts of the contract; each is reported as the check ``contract.PART``.
Part = Literal["returns", "names", "shapes", "values", "support", "arguments", "state"]


@dataclass(frozen=True)
class Breach:
    """One breach of the contract in one call.

    Attributes
    ----------
    part : str
        The part of the contract that is broken.
    function : {"e_step", "m_step"}
    name : str
        The entry that is wrong; the name of the function if the whole call is.
    trial : TrialPoint
        Where the function was called.
    message : str
    hint : str or None
    evidence : mapping
        Figures that the message rests on.
    """

    part: Part
    function: StepName
    name: str
    trial: TrialPoint
    message: str
    hint: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def certain(self) -> bool:
        """Whether it is wrong at any θ, even if EM need not come there."""
        may_overflow = self.evidence.get("not_finite") or self.evidence.get("raised")
        return not may_overflow

    @property
    def about(self) -> tuple[str, str, str]:
        """The part of the contract, the function and the entry: what one finding is about."""
        return self.part, self.function, self.name

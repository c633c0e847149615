"""Confidence intervals from the profile likelihood, the result."""

import enum
from dataclasses import dataclass


class Endpoint(enum.Enum):
    """What an end of an interval is. The value of a member is a sentence for the reader."""

    CROSSING = "a confidence limit: beyond it the profile log-likelihood is below the threshold"
    BOUNDARY = (
        "the bound of the parameter's range: the profile log-likelihood stays above the threshold "
        "up to it"
    )
    UNBOUNDED = (
        "no confidence limit: the profile log-likelihood stays above the threshold at all values"
    )
    UNDEFINED = (
        "no confidence limit: beyond this value the log-likelihood is not defined, and up to it "
        "the profile stays above the threshold"
    )

    @property
    def found(self) -> bool:
        """Whether the end is a confidence limit."""
        return self is Endpoint.CROSSING


@dataclass(frozen=True)
class ProfileInterval:
    """A confidence interval from the profile likelihood.

    Attributes
    ----------
    label : str
        The entry: ``theta``, ``mu[0]``.
    estimate : float
        Natural scale.
    lower, upper : float
        Ends of the interval, natural scale; infinite where there is no end. A bound of the
        parameter's range (`Endpoint.BOUNDARY`) is an end of the range, which need not belong to it.
    level : float
        Coverage probability in large samples.
    ends : tuple of Endpoint
        What `lower` and `upper` are.
    problem : str
        Empty where the params are a maximum. Otherwise the threshold is too low, and the interval
        too wide.
    notes : tuple of str
        Further findings, as sentences.
    """

    label: str
    estimate: float
    lower: float
    upper: float
    level: float
    ends: tuple[Endpoint, Endpoint]
    problem: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        text = (
            f"ProfileInterval: {self.label} = {self.estimate:.6g}, {100 * self.level:g} % from "
            f"{self.lower:.6g} to {self.upper:.6g}"
        )
        sides = [
            f"  {side}: {end.value}"
            for side, end in zip(("lower", "upper"), self.ends, strict=True)
            if not end.found
        ]
        sentences = [f"  {sentence}" for sentence in (self.problem, *self.notes) if sentence]
        return "\n".join([text, *sides, *sentences])

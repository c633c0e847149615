"""Is a derivation right, and if not, where: one module for each thing that can be wrong."""

from latentfit.check._result import Check, CheckResult, Finding, Outcome
from latentfit.check._run import Derivation, Reference, check, reference

__all__ = [
    "Check",
    "CheckResult",
    "Derivation",
    "Finding",
    "Outcome",
    "Reference",
    "check",
    "reference",
]

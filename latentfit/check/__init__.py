"""Is a derivation right, and if not, where: one module for each thing that can be wrong."""

from latentfit.check._prepare import Derivation, Reference, reference
from latentfit.check._result import Check, CheckResult, Finding, Outcome
from latentfit.check._run import check

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

"""Whether a derivation is right, and if not, where it is wrong.

There is one module for each thing that can be wrong with a derivation. `_run` calls them in order
and shows which part rests on which. `contract` examines whether the steps can be called at all, and
`mistakes` holds the known mistakes from which hints are given.
"""

from latentfit.check._derivation import Derivation
from latentfit.check._reference import Reference, reference
from latentfit.check._run import check
from latentfit.check.possible_data import require_possible
from latentfit.check.result import Check, CheckResult, Finding, Outcome

__all__ = [
    "Check",
    "CheckResult",
    "Derivation",
    "Finding",
    "Outcome",
    "Reference",
    "check",
    "reference",
    "require_possible",
]

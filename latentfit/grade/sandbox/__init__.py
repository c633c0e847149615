"""Run code that others wrote, in a process that has NumPy and the data of the call only.

`open_sandbox` takes the source of a hand-in and returns a `Session`, which calls the hand-in's
functions with arrays and returns arrays. ``docs/sandbox.md`` describes the threats and what is done
about each.

This package knows nothing of models, derivations and marks. It imports nothing of latentfit but
its exceptions.
"""

from latentfit.grade.sandbox.isolation import ISOLATIONS, Isolation
from latentfit.grade.sandbox.limits import Limits
from latentfit.grade.sandbox.outcome import Failed, FailureKind, HandInError, Returned
from latentfit.grade.sandbox.session import (
    SandboxError,
    Session,
    available_isolation,
    open_sandbox,
)

__all__ = [
    "ISOLATIONS",
    "Failed",
    "FailureKind",
    "HandInError",
    "Isolation",
    "Limits",
    "Returned",
    "SandboxError",
    "Session",
    "available_isolation",
    "open_sandbox",
]

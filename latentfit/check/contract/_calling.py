"""Calling a step at one trial point after the other, on copies of its arguments, and repeating it.

No more calls are made once a step has run out of time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latentfit.check.calls import Failure, attempt, copied
from latentfit.check.contract._breaches import StepName
from latentfit.check.contract._equality import equal
from latentfit.check.examination import Step, TrialPoint


@dataclass(frozen=True)
class Call:
    """One call of a step and its result.

    Attributes
    ----------
    function : {"e_step", "m_step"}
    trial : TrialPoint
    arguments : mapping
        ``{argument: value}``, in order, as they were before the call.
    result : object
        A copy of what the step returned, or a `Failure`.
    changed : tuple of str
        Entries of the arguments that the step changed, such as ``params['mu']``.
    """

    function: StepName
    trial: TrialPoint
    arguments: Mapping[str, Any]
    result: Any
    changed: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether the call raised an error or took too long."""
        return isinstance(self.result, Failure)

    @property
    def timed_out(self) -> bool:
        """Whether the call took too long."""
        return isinstance(self.result, Failure) and self.result.timeout


def call_at_each(
    step: Step, function: StepName, calls: Iterable[tuple[TrialPoint, Mapping[str, Any]]]
) -> list[Call]:
    """Call a step at each trial point.

    Parameters
    ----------
    step : callable
    function : {"e_step", "m_step"}
    calls : iterable of (TrialPoint, mapping)
        Trial points, and the arguments of the step there.
    """
    made = []
    for trial, arguments in calls:
        given = copied(arguments)
        result = attempt(step, function, *given.values())
        changed = tuple(_changed_entries(arguments, given))
        # A copy, because the step may keep a reference to its result and change it later.
        made.append(Call(function, trial, arguments, copied(result), changed))
        if made[-1].timed_out:
            break
    return made


def repeat_backwards(step: Step, calls: Sequence[Call]) -> list[tuple[Call, Any]]:
    """Repeat calls in reverse order, and return each with the result of its repetition.

    In reverse order the last call is repeated at once, and the others after calls at other
    parameters.
    """
    repeated = []
    for call in reversed(calls):
        second = attempt(step, call.function, *copied(call.arguments).values())
        repeated.append((call, second))
        if isinstance(second, Failure) and second.timeout:
            break
    return repeated


def _changed_entries(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[str]:
    for argument, old in before.items():
        new = after[argument]
        for name in dict.fromkeys((*old, *new)):
            if name not in old or name not in new or not equal(old[name], new[name], 0.0):
                yield f"{argument}[{name!r}]"

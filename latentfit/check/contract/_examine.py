"""The examination of the contract: call both steps, validate each call, repeat the calls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.check.contract import (
    _arrays,
    _names,
    _returns,
    _side_effects,
    _support,
)
from latentfit.check.contract._breaches import Breach, Part
from latentfit.check.contract._calling import Call, call_at_each, repeat_backwards
from latentfit.check.contract._entries import expected_entries
from latentfit.check.contract._findings import outcome_of
from latentfit.check.examination import ByTrial, Examination, Step
from latentfit.check.result import Outcome
from latentfit.supervision import limited

# A result with a breach in one of these parts is not handed on to other checks.
_UNUSABLE: frozenset[Part] = frozenset({"returns", "names", "shapes", "values"})


@dataclass(frozen=True)
class Contract:
    """Which parts of the contract are kept, and what the steps returned.

    Attributes
    ----------
    outcome : Outcome
    given : mapping
        ``{TrialPoint.label: what the E step returned there}``, if it has all entries, in the
        right shapes and with finite numbers; empty if the step ran out of time.
    fed : mapping
        ``{TrialPoint.label: expectations that the M step was given there}``.
    returned : mapping
        Like `given`, for the M step.
    """

    outcome: Outcome
    given: ByTrial
    fed: ByTrial
    returned: ByTrial


@dataclass(frozen=True)
class _Validated:
    """One call and the breaches that validating its result found."""

    call: Call
    breaches: tuple[Breach, ...]

    @property
    def usable(self) -> bool:
        """Whether the result can be handed on to other checks."""
        return not any(breach.part in _UNUSABLE for breach in self.breaches)


def examine(
    examination: Examination,
    timeout: float,
    feed: Callable[[ByTrial], ByTrial] | None = None,
) -> Contract:
    """Call both steps at every trial point, twice, and validate what they return.

    Parameters
    ----------
    examination : Examination
    timeout : float
        Seconds for one call.
    feed : callable, optional
        From `Contract.given` to `Contract.fed`. By default the M step is fed what the E step
        returned, in which unusable entries are replaced by the declaration's exact ones.
    """
    e_step = limited(examination.e_step, timeout, "e_step")
    m_step = limited(examination.m_step, timeout, "m_step")

    e_calls = call_at_each(
        e_step,
        "e_step",
        [
            (trial, {"params": trial.params, "data": examination.data})
            for trial in examination.trial_points
        ],
    )
    expectations = _validated(e_calls, _expectations_validator(examination))
    given = _usable(expectations)

    fed = feed(given) if feed else _with_exact_substitutes(expectations)
    m_calls = _m_calls(examination, m_step, fed)
    # An M step that fails on substitutes may only miss an entry that its own E step returns.
    m_calls = [call for call in m_calls if not call.failed or call.trial.label in given]
    params = _validated(m_calls, _params_breaches)

    return Contract(
        _outcome(
            [*expectations, *params],
            _support_breaches(examination, params),
            [
                *repeat_backwards(e_step, [call for call in e_calls if not call.failed]),
                *repeat_backwards(m_step, [call for call in m_calls if not call.failed]),
            ],
        ),
        given,
        fed,
        _usable(params),
    )


def m_step_breaches(
    examination: Examination, timeout: float, fed: ByTrial
) -> frozenset[tuple[str, str, str]]:
    """Call the M step with given expectations, and return what is wrong with its results.

    Parameters
    ----------
    examination : Examination
    timeout : float
        Seconds for one call.
    fed : mapping
        ``{TrialPoint.label: expectations}``.

    Returns
    -------
    frozenset of (str, str, str)
        `Breach.about` of each breach.
    """
    calls = _m_calls(examination, limited(examination.m_step, timeout, "m_step"), fed)
    params = _validated(calls, _params_breaches)
    breaches = [breach for one in params for breach in one.breaches]
    breaches += [breach for _, found in _support_breaches(examination, params) for breach in found]
    return frozenset(breach.about for breach in breaches)


def _m_calls(examination: Examination, m_step: Step, fed: ByTrial) -> list[Call]:
    return call_at_each(
        m_step,
        "m_step",
        [
            (trial, {"expectations": found, "data": examination.data, "params": trial.params})
            for trial in examination.trial_points
            if (found := fed.get(trial.label)) is not None
        ],
    )


def _validated(
    calls: Sequence[Call], validate_mapping: Callable[[Call], Iterator[Breach]]
) -> list[_Validated]:
    found = []
    for call in calls:
        breaches = [*_returns.validate(call), *_side_effects.validate_arguments(call)]
        if isinstance(call.result, Mapping):
            breaches += validate_mapping(call)
        found.append(_Validated(call, tuple(breaches)))
    return found


def _expectations_validator(examination: Examination) -> Callable[[Call], Iterator[Breach]]:
    """Return the validation of a mapping that the E step returned."""
    shapes, required = expected_entries(examination)

    def breaches(call: Call) -> Iterator[Breach]:
        yield from _names.validate_expectations(call, required)
        for name, shape in shapes.items():
            if name in call.result:
                probabilities = name in examination.complete.categories
                yield from _arrays.validate(call, name, shape, probabilities=probabilities)

    return breaches


def _params_breaches(call: Call) -> Iterator[Breach]:
    """Validate a mapping that the M step returned."""
    yield from _names.validate_params(call)
    for name, value in call.trial.params.items():
        if name in call.result:
            yield from _arrays.validate(call, name, np.shape(value))


def _support_breaches(
    examination: Examination, params: Sequence[_Validated]
) -> list[tuple[Call, tuple[Breach, ...]]]:
    return [
        (one.call, tuple(_support.validate(examination, one.call))) for one in params if one.usable
    ]


def _outcome(
    validated: Sequence[_Validated],
    in_support: Sequence[tuple[Call, tuple[Breach, ...]]],
    repeated: Sequence[tuple[Call, Any]],
) -> Outcome:
    calls = [one.call for one in validated]
    mappings = [call for call in calls if isinstance(call.result, Mapping)]
    breaches = [breach for one in validated for breach in one.breaches]
    breaches += [breach for _, found in in_support for breach in found]
    for call, second in repeated:
        breaches += _side_effects.validate_repetition(call, second)
    examined: dict[Part, Sequence[Call]] = {
        "returns": calls,
        "names": mappings,
        "shapes": mappings,
        "values": mappings,
        "support": [call for call, _ in in_support],
        "arguments": [call for call in calls if not call.failed],
        "state": [call for call, _ in repeated],
    }
    return outcome_of(examined, breaches)


def _with_exact_substitutes(expectations: Sequence[_Validated]) -> dict[str, Mapping[str, Any]]:
    """Return what the E step returned, with exact expectations in place of unusable entries."""
    fed: dict[str, Mapping[str, Any]] = {}
    for one in expectations:
        trial, result = one.call.trial, one.call.result
        if one.usable:
            fed[trial.label] = result
        elif trial.expected:
            own = result if isinstance(result, Mapping) else {}
            wrong = {breach.name for breach in one.breaches}
            kept = {name: value for name, value in own.items() if name not in wrong}
            fed[trial.label] = {**trial.expected, **kept}
    return fed


def _usable(validated: Sequence[_Validated]) -> dict[str, Mapping[str, Any]]:
    if any(one.call.timed_out for one in validated):
        return {}
    return {one.call.trial.label: one.call.result for one in validated if one.usable}

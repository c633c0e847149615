"""Whether the steps keep the contract: names, shapes, numbers, support, no side effects.

Everything else rests on it. A step that breaks it in one place is examined in all others, and
the checks that follow are given what each step returned where that can be worked with.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from latentfit.bayes import categories
from latentfit.check._calls import Failure, attempt, copied, limited
from latentfit.check._result import Check, Finding, Outcome
from latentfit.check._subject import Step, Subject, Trial
from latentfit.em.calls import brief
from latentfit.errors import LatentfitError

_Function = Literal["e_step", "m_step"]
_Shape = tuple[int, ...]
# {trial.where: what a step was given or returned there}
_Results = Mapping[str, Mapping[str, Any]]

# The same sums may be taken in another order the next time, by the threads of a BLAS.
_SAME = 1e-12

_EXAMINED = {
    "returns": "mappings, in time and without an error",
    "names": "every expectation, exactly the parameters",
    "shapes": "those of the latents and of the parameters",
    "values": "real and finite",
    "support": "what m_step returns is within the support of the parameters",
    "arguments": "left as they were",
    "state": "same call, same result, also with others in between",
}


@dataclass(frozen=True)
class Contract:
    """What keeps the contract and what does not.

    Attributes
    ----------
    outcome : Outcome
    given : mapping
        ``{trial.where: what the E step returned there}``, where all entries are there, with the
        right shapes and finite numbers; empty for a step that ran out of time.
    fed : mapping
        ``{trial.where: expectations that the M step was given there}``.
    returned : mapping
        As `given`, of the M step.
    """

    outcome: Outcome
    given: _Results
    fed: _Results
    returned: _Results


@dataclass(frozen=True)
class _Problem:
    check: str
    function: _Function
    name: str
    trial: Trial
    message: str
    hint: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Call:
    """One call of a step and what came of it."""

    function: _Function
    trial: Trial
    given: Mapping[str, Any]
    result: Any
    problems: tuple[_Problem, ...]

    @property
    def failed(self) -> bool:
        return isinstance(self.result, Failure)

    @property
    def usable(self) -> bool:
        unusable = {"returns", "names", "shapes", "values"}
        return not any(problem.check in unusable for problem in self.problems)


# A call and what a second look at it found.
_Looked = tuple[_Call, tuple[_Problem, ...]]


def examine(
    subject: Subject,
    timeout: float,
    feed: Callable[[_Results], _Results] | None = None,
) -> Contract:
    """Call both steps at every trial, twice, and look at what they return.

    The second round goes through the trials backwards, so that one call is repeated at once and
    the others after calls at other parameters.

    Parameters
    ----------
    subject : Subject
    timeout : float
        Seconds for one call.
    feed : callable, optional
        From `Contract.given` to `Contract.fed`. By default the M step is fed what the E step
        returned, entries that are no good replaced by the declaration's, if these are exact.
    """
    e_step = limited(subject.e_step, timeout, "e_step")
    m_step = limited(subject.m_step, timeout, "m_step")
    shapes, required = _entries(subject)

    def look_at_expectations(trial: Trial, result: Mapping[str, Any]) -> Iterator[_Problem]:
        yield from _missing_entries(trial, result, required)
        for name, shape in shapes.items():
            if name in result:
                latent = subject.complete.discrete and name in trial.statistics
                yield from _array("e_step", trial, name, result[name], shape, latent)

    def look_at_params(trial: Trial, result: Mapping[str, Any]) -> Iterator[_Problem]:
        yield from _other_names(trial, result)
        for name, value in trial.params.items():
            if name in result:
                yield from _array("m_step", trial, name, result[name], np.shape(value))

    e_calls = _round(
        e_step,
        "e_step",
        [(trial, {"params": trial.params, "data": subject.data}) for trial in subject.trials],
        look_at_expectations,
    )
    given = _usable(e_calls)
    fed = feed(given) if feed else _mended(e_calls)
    m_calls = _round(
        m_step,
        "m_step",
        [
            (trial, {"expectations": found, "data": subject.data, "params": trial.params})
            for trial in subject.trials
            if (found := fed.get(trial.where)) is not None
        ],
        look_at_params,
    )
    # Fed with a substitute, an M step may miss an entry that only its own E step would have.
    m_calls = [call for call in m_calls if not call.failed or call.trial.where in given]

    again = [
        *_again(e_step, [call for call in e_calls if not call.failed]),
        *_again(m_step, [call for call in m_calls if not call.failed]),
    ]
    outcome = _outcome([*e_calls, *m_calls], _support(subject, m_calls), again)
    return Contract(outcome, given, fed, _usable(m_calls))


def _outcome(
    calls: Sequence[_Call], within: Sequence[_Looked], again: Sequence[_Looked]
) -> Outcome:
    mappings = [call for call in calls if isinstance(call.result, Mapping)]
    examined = {
        "returns": calls,
        "names": mappings,
        "shapes": mappings,
        "values": mappings,
        "support": [call for call, _ in within],
        "arguments": [call for call in calls if not call.failed],
        "state": [call for call, _ in again],
    }
    problems = [problem for call in calls for problem in call.problems]
    problems += [problem for _, found in (*within, *again) for problem in found]
    checks = tuple(_check(name, examined[name], problems) for name in _EXAMINED)
    return Outcome(checks, _findings(problems))


def _entries(subject: Subject) -> tuple[dict[str, _Shape | None], tuple[str, ...]]:
    """Shapes of the entries that the E step may return, and the names of those that it must.

    A derivation that declares the statistics it needs does not have to return the latents too.
    """
    latents, complete = subject.declaration.latents, subject.complete
    statistics = subject.trials[0].statistics
    shapes: dict[str, _Shape | None] = {}
    if complete.exact:
        values = {
            name: np.argmax(statistics[name], axis=-1) if complete.discrete else statistics[name]
            for name in latents
        }
        shapes |= {name: np.shape(statistics[name]) for name in latents}
    else:
        values = {name: one[0] for name, one in statistics.items()}
        count = categories(subject.declaration)
        for name in latents:
            shapes[name] = np.shape(values[name]) + ((count[name],) if name in count else ())
    for name, function in subject.expectations.items():
        value = attempt(function, name, values, copied(subject.data))
        # What is wrong with it is for the check of the E step to say.
        shapes[name] = None if isinstance(value, Failure) else np.shape(value)
    return shapes, tuple(subject.expectations) or latents


def _mended(calls: Sequence[_Call]) -> dict[str, Mapping[str, Any]]:
    """What the E step returned, exact expectations in place of what is no good of it."""
    fed: dict[str, Mapping[str, Any]] = {}
    for call in calls:
        if call.usable:
            fed[call.trial.where] = call.result
        elif call.trial.expected:
            own = call.result if isinstance(call.result, Mapping) else {}
            wrong = {problem.name for problem in call.problems}
            kept = {name: value for name, value in own.items() if name not in wrong}
            fed[call.trial.where] = {**call.trial.expected, **kept}
    return fed


def _round(
    step: Step,
    function: _Function,
    calls: Iterable[tuple[Trial, Mapping[str, Any]]],
    look: Callable[[Trial, Mapping[str, Any]], Iterable[_Problem]],
) -> list[_Call]:
    """Call a step at one trial after the other, no more once it has run out of time."""
    made = []
    for trial, given in calls:
        arguments = copied(given)
        result = attempt(step, function, *arguments.values())
        problems = [
            *_returned(function, trial, result),
            *_changes(function, trial, given, arguments),
        ]
        if isinstance(result, Mapping):
            problems += look(trial, result)
        # What the step may still hold on to, and change in a later call, is not what is kept.
        made.append(_Call(function, trial, given, copied(result), tuple(problems)))
        if isinstance(result, Failure) and result.timeout:
            break
    return made


def _again(step: Step, calls: Sequence[_Call]) -> list[_Looked]:
    """The same calls backwards, and whether they come to the same."""
    found = []
    for call in reversed(calls):
        second = attempt(step, call.function, *copied(call.given).values())
        found.append((call, tuple(_differences(call, second))))
        if isinstance(second, Failure) and second.timeout:
            break
    return found


def _returned(function: _Function, trial: Trial, result: Any) -> Iterator[_Problem]:
    if isinstance(result, Failure):
        yield _Problem("returns", function, function, trial, result.message)
    elif not isinstance(result, Mapping):
        said = "nothing" if result is None else f"a value of type {type(result).__name__}"
        hint = "is its return statement missing?" if result is None else None
        message = f"{function} returns {said}; expected a mapping {{name: array}}"
        yield _Problem("returns", function, function, trial, message, hint)


def _missing_entries(
    trial: Trial, result: Mapping[str, Any], required: Sequence[str]
) -> Iterator[_Problem]:
    for name in required:
        if name not in result:
            message = (
                f"e_step returns no expectation {name!r}: it returns {_listed(result)}, "
                f"and {_listed(required)} {'is' if len(required) == 1 else 'are'} expected"
            )
            hint = _meant(name, [key for key in result if key not in required])
            yield _Problem("names", "e_step", name, trial, message, hint)


def _other_names(trial: Trial, result: Mapping[str, Any]) -> Iterator[_Problem]:
    expected = f"expected exactly {_listed(trial.params)}"
    more = [str(name) for name in result if name not in trial.params]
    for name in trial.params:
        if name not in result:
            message = f"m_step returns no {name!r}: it returns {_listed(result)}; {expected}"
            yield _Problem("names", "m_step", name, trial, message, _meant(name, more))
    for name in more:
        message = f"m_step returns {name!r}, which is not a parameter; {expected}"
        yield _Problem("names", "m_step", name, trial, message)


def _array(
    function: _Function,
    trial: Trial,
    name: str,
    value: Any,
    expected: _Shape | None,
    probabilities: bool = False,
) -> Iterator[_Problem]:
    """Shape and numbers of one entry."""
    said = f"{function} returns {name}"
    try:
        array = np.asanyarray(value)
    except ValueError:
        message = f"{said} as sequences of different lengths; expected an array of shape {expected}"
        yield _Problem("shapes", function, name, trial, message)
        return
    if array.dtype.kind not in "fiub":
        kind = "complex numbers" if array.dtype.kind == "c" else f"type {array.dtype}"
        message = f"{said} = {brief(array)}, of {kind}; expected real numbers"
        yield _Problem("values", function, name, trial, message)
        return
    if expected is not None and array.shape != expected:
        yield _Problem(
            "shapes",
            function,
            name,
            trial,
            f"{said} with shape {array.shape}; expected {expected}",
            _shape_hint(array.shape, expected, probabilities),
            {"given": list(array.shape), "expected": list(expected)},
        )
    bad = np.ma.getmaskarray(array) | ~np.isfinite(np.ma.getdata(array))
    if np.any(bad):
        what = "masked" if np.ma.is_masked(array) else "not finite"
        amount = f"{np.sum(bad)} of {bad.size} numbers are {what}" if bad.ndim else f"it is {what}"
        underflow = (
            "in these rows every probability is 0/0: the densities underflow all together; "
            "work with logarithms, and take out the largest of a row before np.exp"
        )
        hint = underflow if probabilities and _nan_by_row(array) else None
        yield _Problem("values", function, name, trial, f"{said} = {brief(array)}: {amount}", hint)


def _shape_hint(given: _Shape, expected: _Shape, probabilities: bool) -> str | None:
    if probabilities and given == expected[:-1]:
        return "the probabilities of all categories are expected, along the last axis"
    if len(given) > 1 and given == expected[::-1]:
        return "it is transposed"
    if [n for n in given if n != 1] == [n for n in expected if n != 1]:
        return "it differs by axes of length 1 only: keepdims, or a slice where an index belongs?"
    if given == ():
        return "a single number stands for all: np.full makes the array"
    return None


def _nan_by_row(array: np.ndarray) -> bool:
    """Whether every row is NaN in all its entries, or finite in all."""
    if array.ndim < 2 or np.ma.is_masked(array):
        return False
    nan = np.isnan(array)
    return bool(np.all(nan.all(axis=-1) == ~np.isfinite(array).all(axis=-1)))


def _support(subject: Subject, calls: Sequence[_Call]) -> list[_Looked]:
    return [(call, tuple(_outside(subject, call))) for call in calls if call.usable]


def _outside(subject: Subject, call: _Call) -> Iterator[_Problem]:
    """Parameters that the model cannot have."""
    try:
        subject.density.space.locate(subject.to_model(call.result))
    except LatentfitError as error:
        reason = str(error)
        name = next((n for n in call.result if reason.startswith(f"{n} ")), "m_step")
        hint = None
        if name in call.result and "sums of 1" in reason:
            total = np.sum(call.result[name], axis=-1)
            hint = f"the sums are {brief(total)}" if not np.allclose(total, 1, rtol=1e-8) else None
        yield _Problem("support", "m_step", name, call.trial, f"m_step returns {reason}", hint)
    except Exception as error:
        message = f"what m_step returns cannot be put into the model: {error}"
        yield _Problem("support", "m_step", "m_step", call.trial, message)


def _changes(
    function: _Function, trial: Trial, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[_Problem]:
    changed = [
        f"{argument}[{name!r}]"
        for argument, old in before.items()
        for name in dict.fromkeys((*old, *after[argument]))
        if name not in old
        or name not in after[argument]
        or not _same(old[name], after[argument][name], 0.0)
    ]
    if changed:
        yield _Problem(
            "arguments",
            function,
            function,
            trial,
            f"{function} changes its arguments: {', '.join(changed)} "
            f"{'is' if len(changed) == 1 else 'are'} not what {function} was given",
            "an assignment in place, such as x -= ... or x[...] = ...: work on a copy",
        )


def _differences(call: _Call, second: Any) -> Iterator[_Problem]:
    function = call.function
    message = None
    if isinstance(second, Failure):
        message = f"{function} fails when it is called again with the same arguments: "
        message += second.message
    elif not (isinstance(call.result, Mapping) and isinstance(second, Mapping)):
        return
    else:
        other = [
            str(name)
            for name in dict.fromkeys((*call.result, *second))
            if name not in call.result
            or name not in second
            or not _same(call.result[name], second[name], _SAME)
        ]
        if other:
            message = f"{function} called again with the same arguments returns another "
            message += _listed(other)
    if message:
        hint = "does it draw random numbers, or keep something from one call for the next?"
        yield _Problem("state", function, function, call.trial, message, hint)


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(
            _same(one[name], other[name], tolerance) for name in one
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            _same(a, b, tolerance) for a, b in zip(one, other, strict=True)
        )
    try:
        first, second = np.asanyarray(one), np.asanyarray(other)
        if first.shape != second.shape:
            return False
        mask = np.ma.getmaskarray(first)
        if not np.array_equal(mask, np.ma.getmaskarray(second)):
            return False
        first, second = np.ma.getdata(first)[~mask], np.ma.getdata(second)[~mask]
        if first.dtype.kind not in "fiubc" or second.dtype.kind not in "fiubc":
            return bool(np.all(first == second)) if first.dtype.kind in "SU" else True
        scale = np.max(np.abs(first), initial=0.0, where=np.isfinite(first))
        return np.allclose(first, second, rtol=0, atol=tolerance * scale, equal_nan=True)
    except (TypeError, ValueError):
        # Nothing that can be compared: a function, a generator.
        return True


def _usable(calls: Sequence[_Call]) -> dict[str, Mapping[str, Any]]:
    if any(call.failed and call.result.timeout for call in calls):
        return {}
    return {call.trial.where: call.result for call in calls if call.usable}


def _findings(problems: Iterable[_Problem]) -> tuple[Finding, ...]:
    """One for each thing that is wrong, with the first call that showed it."""
    groups: dict[tuple[str, str, str], list[_Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.check, problem.function, problem.name), []).append(problem)
    found = []
    for group in groups.values():
        first = group[0]
        values = ", ".join(f"{key} = {brief(value)}" for key, value in first.trial.params.items())
        more = f"; and {len(group) - 1} times more" if len(group) > 1 else ""
        message = f"{first.message} ({first.trial.where}: {values}{more})"
        evidence = {**first.evidence, "where": first.trial.where, "times": len(group)}
        found.append(Finding("contract", first.name, "error", message, first.hint, evidence))
    return tuple(found)


def _check(name: str, calls: Sequence[_Call], problems: Iterable[_Problem]) -> Check:
    id = f"contract.{name}"
    wrong = dict.fromkeys(
        problem.function
        if problem.name == problem.function
        else f"{problem.function}: {problem.name}"
        for problem in problems
        if problem.check == name
    )
    counts = {
        function: sum(call.function == function for call in calls)
        for function in ("e_step", "m_step")
    }
    made = ", ".join(f"{function} {count}" for function, count in counts.items())
    if wrong:
        return Check(id, "fail", f"{', '.join(wrong)} (calls: {made})")
    if not calls:
        return Check(id, "skip", "no call returned what could be examined")
    whole = name == "support" or all(counts.values())
    detail = f" (calls: {made})" if name == "returns" or not whole else ""
    return Check(id, "pass", f"{_EXAMINED[name]}{detail}")


def _meant(name: str, others: Sequence[str]) -> str | None:
    near = difflib.get_close_matches(name, map(str, others), n=1, cutoff=0.5)
    meant = near or (list(others) if len(others) == 1 else [])
    return f"is {meant[0]!r} meant to be {name!r}?" if meant else None


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names)) or "nothing"

"""Breaches of single calls become checks and findings.

A step that fails or returns numbers that are not finite at random trial points only, where EM need
not come, contradicts nothing: a right formula may under- or overflow there. This is reported in the
check, and is no finding.
"""

from collections.abc import Iterable, Mapping, Sequence

from latentfit.check.contract._breaches import Breach, Part
from latentfit.check.contract._calling import Call
from latentfit.check.result import Check, Finding, Outcome
from latentfit.em.calls import brief

# What a check says when it passes, in the order in which the checks are reported.
_PASSED: Mapping[Part, str] = {
    "returns": "every call returns a mapping, in time and without an error",
    "names": "the E step returns every expectation, the M step exactly the parameters",
    "shapes": "every array has the shape of its latent or parameter",
    "values": "all numbers are real and finite",
    "support": "every value that m_step returns lies in the support of its parameter",
    "arguments": "neither step changes its arguments",
    "state": "the same call returns the same result, also after calls at other parameters",
}


def outcome_of(calls: Mapping[Part, Sequence[Call]], breaches: Sequence[Breach]) -> Outcome:
    """Return one check for each part of the contract, and one finding for each breach of it.

    Parameters
    ----------
    calls : mapping
        ``{part: calls that were examined for it}``.
    breaches : sequence of Breach
        Of all calls.
    """
    elsewhere = {breach.about for breach in breaches if breach.trial.visited or breach.certain}
    kept = [breach for breach in breaches if breach.about in elsewhere]
    withheld = [breach for breach in breaches if breach.about not in elsewhere]
    checks = tuple(_check(part, calls[part], kept, withheld) for part in _PASSED)
    return Outcome(checks, _findings(kept))


def _check(
    part: Part, calls: Sequence[Call], breaches: Iterable[Breach], withheld: Iterable[Breach]
) -> Check:
    id = f"contract.{part}"
    wrong = dict.fromkeys(
        breach.function if breach.name == breach.function else f"{breach.function}: {breach.name}"
        for breach in breaches
        if breach.part == part
    )
    counts = {
        function: sum(call.function == function for call in calls)
        for function in ("e_step", "m_step")
    }
    made = ", ".join(f"{function} {count}" for function, count in counts.items())
    if wrong:
        return Check(id, "fail", f"{', '.join(wrong)} (calls: {made})")
    if not calls:
        return Check(id, "skip", "no call returned a result that could be examined")
    for breach in withheld:
        if breach.part == part:
            detail = (
                f"{breach.message}, for θ {breach.trial.label} only, where EM need not come: the "
                f"steps were not compared with the model there"
            )
            return Check(id, "warn", detail)
    both_examined = part == "support" or all(counts.values())
    detail = f" (calls: {made})" if part == "returns" or not both_examined else ""
    return Check(id, "pass", f"{_PASSED[part]}{detail}")


def _findings(breaches: Iterable[Breach]) -> tuple[Finding, ...]:
    """Return one finding for each thing that is wrong, about the first call that showed it."""
    groups: dict[tuple[str, str, str], list[Breach]] = {}
    for breach in breaches:
        groups.setdefault(breach.about, []).append(breach)
    found = []
    for group in groups.values():
        first = group[0]
        values = ", ".join(f"{key} = {brief(value)}" for key, value in first.trial.params.items())
        count = len(group) - 1
        others = f"; and in {count} other call{'s' if count > 1 else ''}" if count else ""
        message = f"{first.message} ({first.trial.label}: {values}{others})"
        evidence = {
            **first.evidence,
            "part": first.part,
            "function": first.function,
            "where": first.trial.label,
            "times": len(group),
        }
        found.append(Finding("contract", first.name, "error", message, first.hint, evidence))
    return tuple(found)

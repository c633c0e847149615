"""The result of a comparison in words, the same in the report, in notebooks and in the terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, Parameter, Verdict
    from latentfit.check import Check

__all__ = ["NOT_IDENTIFIED", "STATUS_WORDS", "Banner", "count_by_status", "overall", "row_name"]

STATUS_WORDS = {"pass": "passed", "fail": "failed", "warn": "warning", "skip": "skipped"}
NOT_IDENTIFIED = "not identified"


@dataclass(frozen=True)
class Banner:
    """The overall result of a comparison or of a check.

    Attributes
    ----------
    status : {"pass", "fail", "skip"}
        ``skip``: no statement about agreement can be made.
    headline : str
        The result in a few words, without a full stop.
    sentence : str
        What the result rests on, in complete sentences.
    """

    status: str
    headline: str
    sentence: str


def overall(comparison: "Comparison") -> Banner:
    """Summarise the verdicts of a comparison.

    Parameters
    ----------
    comparison : Comparison
        Only its ``agree``, ``objective``, ``parameters`` and ``verdicts`` are read.
    """
    failed = [verdict for verdict in comparison.verdicts if verdict.status == "fail"]
    counts = f"{count_by_status(comparison.verdicts, 'verdict')}."
    if comparison.agree is None and not any(verdict.id == "chains" for verdict in failed):
        skipped = [verdict for verdict in comparison.verdicts if verdict.status == "skip"]
        return Banner(
            "skip",
            "No verdict on agreement",
            f"Nothing contradicts EM, but it could not be compared: {_titles(skipped)}. {counts}",
        )
    if comparison.agree is None:
        others = [verdict for verdict in failed if verdict.id != "chains"]
        also = f" Other verdicts that failed: {_titles(others)}." if others else ""
        return Banner(
            "skip",
            "No verdict on agreement",
            "The chains cannot be trusted, so the report makes no statement about whether EM "
            f"agrees with the posterior.{also}",
        )
    if not comparison.agree:
        wrong = any(verdict.id == "check" for verdict in failed)
        headline = "The derivation is wrong" if wrong else "The answers disagree"
        return Banner("fail", headline, f"{_titles(failed)}. {counts}")
    every_identified = all(parameter.identified for parameter in comparison.parameters)
    target = "MLE" if comparison.objective == "likelihood" else "MAP"
    notes = {one.id: f"{one.title}." for one in comparison.verdicts if one.status == "warn"}
    reached = notes.get(f"em_vs_{target.lower()}")
    return Banner(
        "pass",
        "The answers agree" if every_identified else "The answers agree on what is identified",
        " ".join(
            (
                reached or f"EM reached the {target} that direct maximisation finds.",
                *_against_posterior(comparison.parameters, notes.get("em_in_posterior")),
                counts,
            )
        ),
    )


def row_name(parameter: "Parameter") -> str:
    """Name a parameter, with a remark if it is not identified."""
    return parameter.name if parameter.identified else f"{parameter.name} ({NOT_IDENTIFIED})"


def count_by_status(items: "Sequence[Verdict] | Sequence[Check]", noun: str) -> str:
    """Count verdicts or checks by status.

    Parameters
    ----------
    items : sequence of Verdict or Check
    noun : str
        Singular of what is counted: ``verdict`` or ``check``.

    Returns
    -------
    str
        ``7 checks: 5 passed, 1 failed, 1 warning``, or ``All 7 checks passed``.
    """
    if len(items) > 1 and all(item.status == "pass" for item in items):
        return f"All {len(items)} {noun}s passed"
    counts = {status: sum(item.status == status for item in items) for status in STATUS_WORDS}
    parts = [
        f"{count} {word}{'s' if word == 'warning' and count > 1 else ''}"
        for (status, word) in STATUS_WORDS.items()
        if (count := counts[status])
    ]
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}: {', '.join(parts)}"


def _against_posterior(parameters: "Sequence[Parameter]", note: str | None) -> "Iterable[str]":
    """Sentences on the comparison with the posterior, and on what it leaves out."""
    judged = [parameter for parameter in parameters if parameter.identified]
    boundary = sum(parameter.at_edge for parameter in judged)
    if not judged:
        yield "No parameter is identified, so EM's estimate is not compared with the posterior."
        return
    if boundary == len(judged):
        yield (
            "Every parameter that is identified is on the boundary of the parameter space or "
            "beside it, so EM's estimate is not compared with the posterior."
        )
    else:
        yield note or "EM's estimate lies in the bulk of the posterior."
        if boundary:
            yield (
                f"{_parameters(boundary)} on the boundary of the parameter space or beside it, and "
                f"not compared with the posterior."
            )
    if missing := len(parameters) - len(judged):
        yield f"{_parameters(missing)} not identified, and not judged."


def _parameters(count: int) -> str:
    return "1 parameter is" if count == 1 else f"{count} parameters are"


def _titles(verdicts: "Sequence[Verdict]") -> str:
    return "; ".join(verdict.title for verdict in verdicts)

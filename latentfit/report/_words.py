"""The verdict in words, the same on the page and in the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, Parameter, Verdict
    from latentfit.check import Check

STATUS = {"pass": "passed", "fail": "failed", "warn": "warning", "skip": "skipped"}
UNIDENTIFIED = "not identified"


@dataclass(frozen=True)
class Banner:
    """The whole comparison in one line, and one sentence more.

    Attributes
    ----------
    status : {"pass", "fail", "skip"}
    headline, sentence : str
    """

    status: str
    headline: str
    sentence: str


def banner(comparison: "Comparison") -> Banner:
    """What the verdicts come to."""
    verdicts = comparison.verdicts
    failed = [verdict for verdict in verdicts if verdict.status == "fail"]
    if comparison.agree is None:
        others = [verdict for verdict in failed if verdict.id != "chains"]
        also = f" Apart from the posterior: {_titles(others)}." if others else ""
        return Banner(
            "skip",
            "No verdict on agreement",
            "The chains are not to be trusted, so nothing is said about whether EM agrees "
            f"with the posterior.{also}",
        )
    if not comparison.agree:
        wrong = any(verdict.id == "check" for verdict in failed)
        headline = "The derivation is wrong" if wrong else "The answers disagree"
        return Banner("fail", headline, f"{_titles(failed)}. {tally(verdicts)}.")
    target = "maximum of the likelihood" if comparison.objective == "likelihood" else "MAP"
    judged = [parameter for parameter in comparison.parameters if parameter.identified]
    edge = [parameter for parameter in judged if parameter.at_edge]
    bulk = "its estimate lies in the bulk of the posterior"
    if not judged:
        bulk = "no parameter is identified, so that nothing is said of the posterior"
    elif len(edge) == len(judged):
        bulk = "lies on the boundary of the parameter space, where nothing is said of the posterior"
    elif edge:
        count = len(edge)
        bulk += (
            f", but for {count} parameter{'s' if count > 1 else ''} on the boundary of the "
            f"parameter space or beside it, of which nothing is said"
        )
    missing = len(comparison.parameters) - len(judged)
    if judged and missing:
        bulk += (
            f"; {missing} parameter{'s are' if missing > 1 else ' is'} not identified, and "
            f"nothing is said of {'them' if missing > 1 else 'it'}"
        )
    return Banner(
        "pass",
        "The answers agree on what is identified" if missing else "The answers agree",
        f"EM ended at the {target} that direct optimisation finds, and {bulk}. {tally(verdicts)}.",
    )


def marked(parameter: "Parameter") -> str:
    """The name of a parameter, and whether the data tell it."""
    return parameter.name if parameter.identified else f"{parameter.name} ({UNIDENTIFIED})"


def tally(verdicts: "Sequence[Verdict] | Sequence[Check]") -> str:
    """``7 checks: 5 passed, 1 failed, 1 warning``, or ``All 7 checks passed``."""
    if len(verdicts) > 1 and all(verdict.status == "pass" for verdict in verdicts):
        return f"All {len(verdicts)} checks passed"
    counts = {status: sum(v.status == status for v in verdicts) for status in STATUS}
    parts = [
        f"{count} {word}{'s' if word == 'warning' and count > 1 else ''}"
        for (status, word) in STATUS.items()
        if (count := counts[status])
    ]
    return f"{len(verdicts)} check{'' if len(verdicts) == 1 else 's'}: {', '.join(parts)}"


def _titles(verdicts: "Sequence[Verdict]") -> str:
    return "; ".join(verdict.title for verdict in verdicts)

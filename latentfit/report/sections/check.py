"""Section: the check of the derivation; also shown by itself in a notebook."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.report.numbers import five_digits, two_digits, typeset
from latentfit.report.pictures import EM_COLOR, INK, WIDTH, Picture, encode_picture, new_axes
from latentfit.report.section import ReportSection
from latentfit.report.sections._paths import MAX_LINES, label_lines, line_names, path_title
from latentfit.report.templating import render
from latentfit.report.wording import STATUS_WORDS, Banner, count_by_status

if TYPE_CHECKING:
    from latentfit.agreement import Comparison
    from latentfit.check import Check, CheckResult, Finding

POSITION = 10

_TEMPLATE = """
<p class="verdict"><b>{{ check.banner.headline }}</b> The check compares each step with the
declaration separately, before EM is run.</p>
{{ draw.check(check, status_words) }}
"""


@dataclass(frozen=True)
class FindingView:
    """A finding, ready to be shown.

    Attributes
    ----------
    status : {"fail", "warn"}
    severity : {"error", "note"}
    place, quantity : str
        Such as ``M step`` and ``mu[0]``.
    numbers : tuple of (str, str)
        ``("given", number)`` and ``("expected", number)``, if the finding has them.
    message : str
    hint : str
        Empty if no known mistake explains the numbers.
    """

    status: str
    severity: str
    place: str
    quantity: str
    numbers: tuple[tuple[str, str], ...]
    message: str
    hint: str


@dataclass(frozen=True)
class CheckView:
    """The result of a check, ready to be shown.

    Attributes
    ----------
    banner : Banner
    findings : tuple of FindingView
    checks : tuple of Check
    counts : str
        Number of checks by status.
    all_passed : bool
    pictures : tuple of Picture
        The iterates of the hand-written steps and of the declaration's EM, a picture for each
        parameter.
    """

    banner: Banner
    findings: tuple[FindingView, ...]
    checks: "tuple[Check, ...]"
    counts: str
    all_passed: bool
    pictures: tuple[Picture, ...]


def section(comparison: "Comparison") -> ReportSection | None:
    """Show the result of the check; nothing if the derivation was not checked."""
    if comparison.check is None:
        return None
    content = render(_TEMPLATE, check=lay_out_check(comparison.check), status_words=STATUS_WORDS)
    return ReportSection("check", "Check", "Is the derivation right?", content)


def lay_out_check(result: "CheckResult") -> CheckView:
    """Prepare the result of a check to be shown.

    To be called within `latentfit.report.pictures.report_style`.
    """
    status = "pass" if result.passed else "fail"
    counts = count_by_status(result.checks, "check")
    paths: Mapping[str, tuple[np.ndarray, np.ndarray]] = result.paths or {}
    return CheckView(
        Banner(status, f"{result.verdict}.", f"{counts}."),
        tuple(map(_finding_view, result.findings)),
        result.checks,
        counts,
        all(check.status == "pass" for check in result.checks),
        tuple(_draw_paths(name, hand, oracle) for name, (hand, oracle) in paths.items()),
    )


def _finding_view(finding: "Finding") -> FindingView:
    wrong = finding.severity == "error"
    return FindingView(
        "fail" if wrong else "warn",
        "error" if wrong else "note",
        finding.place,
        str(finding.evidence.get("entry") or finding.name),
        tuple(
            (key, _number(finding.evidence[key]))
            for key in ("given", "expected")
            if finding.evidence.get(key) is not None
        ),
        finding.message,
        finding.hint or "",
    )


def _number(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return typeset(f"{value:.7g}" if np.isfinite(value) else five_digits(float(value)))
    return str(value)


def _draw_paths(name: str, hand: np.ndarray, oracle: np.ndarray) -> Picture:
    """Draw a parameter's iterates under the hand-written steps and under the declaration's EM."""
    figure, axes = new_axes(WIDTH, 190)
    hand_lines, oracle_lines = (
        iterates.reshape((len(iterates), -1))[:, :MAX_LINES] for iterates in (hand, oracle)
    )
    axes.plot(hand_lines, color=EM_COLOR, linewidth=1.8, marker="o", markersize=3)
    axes.plot(oracle_lines, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
    if hand.ndim > 1:
        last_values = max(oracle_lines, hand_lines, key=len)[-1]
        label_lines(axes, last_values, line_names(hand.shape[1:]))
    axes.set_title(path_title(name, hand.shape[1:]))
    axes.set_xlabel("iteration")
    axes.locator_params(axis="y", nbins=5)
    axes.locator_params(axis="x", integer=True)
    alt = f"Paths of {name} from one start. {_describe_paths(hand, oracle)}"
    return encode_picture(figure, alt)


def _describe_paths(hand: np.ndarray, oracle: np.ndarray) -> str:
    last = min(len(hand), len(oracle)) - 1
    difference = float(np.max(np.abs(hand[last] - oracle[last]), initial=0.0))
    if len(hand) < len(oracle):
        stopped = f"The hand-written steps stop after iteration {last}. "
    elif len(oracle) < len(hand):
        stopped = f"The declaration's EM stops after iteration {last}. "
    else:
        stopped = ""
    return (
        f"{stopped}In iteration {last} the largest difference between the hand-written steps and "
        f"the declaration's EM is {typeset(two_digits(difference))}."
    )

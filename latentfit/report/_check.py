"""What the check of a derivation found, ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.report._convergence import MOST_LINES, name_ends
from latentfit.report._numbers import brief, plain, typeset
from latentfit.report._picture import EM, INK, WIDTH, Picture, picture, sheet
from latentfit.report._words import Banner, tally

if TYPE_CHECKING:
    from latentfit.check import Check, CheckResult, Finding


@dataclass(frozen=True)
class Found:
    """A finding in words.

    Attributes
    ----------
    status : {"fail", "warn"}
    severity, place, quantity : str
        ``error``, ``M step``, ``mu[0]``.
    figures : tuple of (str, str)
        What was given and what was expected, where these are figures.
    message : str
        The same as a sentence, with how sure it is.
    hint : str
        Empty where no known mistake explains the figures.
    """

    status: str
    severity: str
    place: str
    quantity: str
    figures: tuple[tuple[str, str], ...]
    message: str
    hint: str


@dataclass(frozen=True)
class Section:
    """Everything that is shown of a check.

    Attributes
    ----------
    banner : Banner
    findings : tuple of Found
    examined : tuple of Check
    tally : str
        How many of these passed.
    unremarkable : bool
        Whether all did.
    pictures : tuple of Picture
        Paths of both EM algorithms, one picture for each name.
    """

    banner: Banner
    findings: tuple[Found, ...]
    examined: "tuple[Check, ...]"
    tally: str
    unremarkable: bool
    pictures: tuple[Picture, ...]


def section(result: "CheckResult") -> Section:
    """Lay out a check; to be called where pictures can be drawn."""
    status = "pass" if result.passed else "fail"
    count = tally(result.checks)
    return Section(
        Banner(status, f"{result.verdict}.", f"{count}."),
        tuple(map(_found, result.findings)),
        result.checks,
        count,
        all(check.status == "pass" for check in result.checks),
        paths(result.paths or {}),
    )


def paths(ways: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> tuple[Picture, ...]:
    """The steps as handed in against the declaration's EM, a picture for each name.

    Parameters
    ----------
    ways : mapping
        ``{name: (handed in, declaration's)}``, iterations along the first axis.
    """
    return tuple(_path(name, hand, oracle) for name, (hand, oracle) in ways.items())


def _found(finding: "Finding") -> Found:
    wrong = finding.severity == "error"
    return Found(
        "fail" if wrong else "warn",
        "error" if wrong else "note",
        finding.place,
        str(finding.evidence.get("entry") or finding.name),
        tuple(
            (key, _figure(finding.evidence[key]))
            for key in ("given", "expected")
            if finding.evidence.get(key) is not None
        ),
        finding.message,
        finding.hint or "",
    )


def _figure(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return typeset(f"{value:.7g}" if np.isfinite(value) else plain(float(value)))
    return str(value)


def _path(name: str, hand: np.ndarray, oracle: np.ndarray) -> Picture:
    figure, axes = sheet(WIDTH, 190)
    ours, theirs = (way.reshape((len(way), -1))[:, :MOST_LINES] for way in (oracle, hand))
    axes.plot(theirs, color=EM, linewidth=1.8, marker="o", markersize=3)
    axes.plot(ours, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
    size = hand[0].size
    if hand.ndim > 1:
        indices = [f"[{','.join(map(str, index))}]" for index in np.ndindex(hand.shape[1:])]
        name_ends(axes, max(ours, theirs, key=len)[-1], indices[:MOST_LINES])
    axes.set_title(f"{name} (first {MOST_LINES} of {size})" if size > MOST_LINES else name)
    axes.set_xlabel("iteration")
    axes.locator_params(axis="y", nbins=5)
    axes.locator_params(axis="x", integer=True)
    return picture(figure, f"Paths of {name} from one start. {_told(hand, oracle)}")


def _told(hand: np.ndarray, oracle: np.ndarray) -> str:
    last = min(len(hand), len(oracle)) - 1
    apart = float(np.max(np.abs(hand[last] - oracle[last]), initial=0.0))
    if len(hand) < len(oracle):
        ended = f"The steps as handed in end after iteration {last}. "
    elif len(oracle) < len(hand):
        ended = f"The declaration's EM ends after iteration {last}. "
    else:
        ended = ""
    return (
        f"{ended}In iteration {last} the steps as handed in and the declaration's EM are "
        f"{typeset(brief(apart))} apart at most."
    )

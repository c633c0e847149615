"""The result of a check: findings, one line for each thing that was examined, and the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from latentfit.display import HtmlDisplay
from latentfit.plain import plain

FindingStep = Literal["E", "M", "log_likelihood", "fixed_point", "contract"]
Severity = Literal["error", "warning"]
Status = Literal["pass", "fail", "warn", "skip"]

_STEP_IN_WORDS: Mapping[FindingStep, str] = {
    "E": "E step",
    "M": "M step",
    "log_likelihood": "log-likelihood",
    "fixed_point": "limit point",
    "contract": "contract",
}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a derivation, or that its author should know about it.

    Attributes
    ----------
    step : {"E", "M", "log_likelihood", "fixed_point", "contract"}
        The part of the derivation that the finding is about; ``"fixed_point"`` is the point to
        which EM converges.
    name : str
        The quantity that is wrong, such as ``sigma`` or ``z``. The index of its worst entry is
        ``evidence["entry"]``.
    severity : {"error", "warning"}
    message : str
        The value that was given, the value that was expected, at which parameters, and whether
        the comparison is exact.
    hint : str or None
        The known mistake that reproduces the numbers; None if no known mistake does.
    evidence : dict
        The figures ``given`` and ``expected``, and all other figures in the message.
    follows : str or None
        The step whose error causes this finding: with the right expectations of the E step, an
        M step may do what it does not do with wrong ones. None if the finding is itself a cause.
    """

    step: FindingStep
    name: str
    severity: Severity
    message: str
    hint: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    follows: FindingStep | None = None

    @property
    def place(self) -> str:
        """The step in words: ``E step``, ``contract, following from the E step``."""
        following = f", following from the {_STEP_IN_WORDS[self.follows]}" if self.follows else ""
        return f"{_STEP_IN_WORDS[self.step]}{following}"


@dataclass(frozen=True)
class Check:
    """One thing that was examined.

    Attributes
    ----------
    id : str
        Such as ``m_step.maximum``.
    status : {"pass", "fail", "warn", "skip"}
    detail : str
        A sentence with the numbers that decide the status.
    """

    id: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Outcome:
    """The checks and findings of one part of the examination."""

    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, repr=False)
class CheckResult(HtmlDisplay):
    """Whether an E step and an M step are the EM algorithm of the declaration.

    Attributes
    ----------
    target : str
        Name of the derivation that was checked.
    checks : tuple of Check
    findings : tuple of Finding
        Errors first, in the order of their causes: a line of the derivation, the E step, the
        M step, and what follows from them.
    paths : mapping or None
        ``{name: (handed in, declaration's)}``: the parameter values of two EM algorithms that
        start at the same point, on the natural scale, iterations along the first axis. None
        unless the E step or the M step is wrong and the declaration's expectations are exact.
    """

    target: str
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    paths: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = field(default=None, compare=False)

    @property
    def passed(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def _untested(self) -> list[str]:
        """The quantities of the two steps that were not compared with the declaration."""
        return [
            check.id
            for check in self.checks
            if (check.id.startswith(("e_step.", "m_step.")) and check.status == "skip")
            or (check.id.startswith("e_step.") and check.status == "warn")
        ]

    @property
    def verdict(self) -> str:
        """The verdict in one sentence."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if not errors:
            notes = len(self.findings)
            extra = f", with {notes} note{'s' if notes > 1 else ''}" if notes else ""
            if untested := self._untested:
                return (
                    f"{self.target} passes as far as it could be tested{extra}: "
                    f"{', '.join(untested)} {'was' if len(untested) == 1 else 'were'} not, or not "
                    f"completely"
                )
            if any(one.id == "m_step.maximum" and one.status == "warn" for one in self.checks):
                return (
                    f"{self.target} passes{extra}: the M step was not found to maximise Q exactly"
                )
            return f"{self.target} passes: these steps are the EM algorithm of the model{extra}"
        causes = [finding for finding in errors if finding.follows is None] or errors
        where = " and ".join(dict.fromkeys(f"the {finding.place}" for finding in causes))
        return f"{self.target} fails: {where} {'is' if ' and ' not in where else 'are'} wrong"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data that JSON can represent."""
        return {
            "target": self.target,
            "passed": self.passed,
            "findings": [
                {
                    "step": finding.step,
                    "name": finding.name,
                    "severity": finding.severity,
                    "message": finding.message,
                    "hint": finding.hint,
                    "evidence": {key: plain(value) for key, value in finding.evidence.items()},
                    # Only findings that follow from another step have this field.
                    **({"follows": finding.follows} if finding.follows else {}),
                }
                for finding in self.findings
            ],
            "checks": [vars(check) for check in self.checks],
        }

    def __repr__(self) -> str:
        """Return the verdict, all findings and all checks, one a line."""
        lines = [self.verdict]
        for finding in self.findings:
            lines.append(f"  {finding.severity}, {finding.place}: {finding.message}")
            if finding.hint:
                lines.append(f"    hint: {finding.hint}")
        lines += [f"  {check.status:4} {check.id}: {check.detail}" for check in self.checks]
        return "\n".join(lines)

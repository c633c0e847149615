"""What a check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from latentfit.plain import plain

Step = Literal["E", "M", "log_likelihood", "fixed_point", "contract"]
Severity = Literal["error", "warning"]
Status = Literal["pass", "fail", "warn", "skip"]

_PLACE: Mapping[Step, str] = {
    "E": "E step",
    "M": "M step",
    "log_likelihood": "log-likelihood",
    "fixed_point": "end point",
    "contract": "contract",
}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a derivation, or worth knowing about it.

    Attributes
    ----------
    step : {"E", "M", "log_likelihood", "fixed_point", "contract"}
        Where it is.
    name : str
        The quantity, such as ``sigma`` or ``z``; with the index of the worst entry in
        `evidence`.
    severity : {"error", "warning"}
    message : str
        What was given, what was expected, where, and how sure that is.
    hint : str or None
        The known mistake that reproduces the numbers, if one does.
    evidence : dict
        ``given`` and ``expected`` figures and whatever else the message rests on.
    """

    step: Step
    name: str
    severity: Severity
    message: str
    hint: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it is, in words: ``E step``, ``log-likelihood``."""
        return _PLACE[self.step]


@dataclass(frozen=True)
class Check:
    """One thing that was examined.

    Attributes
    ----------
    id : str
        ``m_step.stationary``.
    status : {"pass", "fail", "warn", "skip"}
    detail : str
        With the numbers that the status rests on.
    """

    id: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Outcome:
    """What one module of the room contributes."""

    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, repr=False)
class CheckResult:
    """Whether an E step and an M step are the EM algorithm of the declaration.

    Attributes
    ----------
    target : str
        Name of what was checked.
    checks : tuple of Check
    findings : tuple of Finding
        Errors first.
    paths : mapping or None
        Where an E or M step is wrong and the declaration's expectations are exact:
        ``{name: (handed in, declaration's)}``, the ways of two EM algorithms from the first
        start, natural scale, iterations along the first axis.
    """

    target: str
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    paths: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = field(default=None, compare=False)

    @property
    def passed(self) -> bool:
        """No finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One sentence."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if not errors:
            notes = len(self.findings)
            extra = f", with {notes} note{'s' if notes > 1 else ''}" if notes else ""
            return f"{self.target} passes: these steps are the EM algorithm of the model{extra}"
        where = " and ".join(dict.fromkeys(f"the {finding.place}" for finding in errors))
        return f"{self.target} fails: {where} {'is' if ' and ' not in where else 'are'} wrong"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, ready for JSON."""
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
                }
                for finding in self.findings
            ],
            "checks": [vars(check) for check in self.checks],
        }

    def _repr_html_(self) -> str:
        from latentfit import report

        return report.check_fragment(self)

    def __repr__(self) -> str:
        lines = [self.verdict]
        for finding in self.findings:
            lines.append(f"  {finding.severity}, {finding.place}: {finding.message}")
            if finding.hint:
                lines.append(f"    hint: {finding.hint}")
        lines += [f"  {check.status:4} {check.id}: {check.detail}" for check in self.checks]
        return "\n".join(lines)

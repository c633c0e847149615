"""The JSON result of a check that could not be made, or that ended the process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentfit.errors import one_line


def unmade_check(target: str, reason: str) -> dict[str, Any]:
    """Return the result of a check that could not be made: it has not passed and found nothing.

    Parameters
    ----------
    target : str
        As on the command line.
    reason : str
        What kept the check from being made, in one sentence.
    """
    return {
        "target": _name(target),
        "passed": False,
        "error": one_line(reason),
        "findings": [],
        "checks": [
            {"id": "check.made", "status": "skip", "detail": one_line(f"not made: {reason}")}
        ],
    }


def ended_process(target: str, step: str, message: str) -> dict[str, Any]:
    """Return the result of a check in which a step ended the process.

    Parameters
    ----------
    target : str
        As on the command line.
    step : str
        The function that ended the process, such as ``"e_step"``.
    message : str
        What it did, in one sentence.
    """
    finding: dict[str, Any] = {
        "step": "contract",
        "name": step,
        "severity": "error",
        "message": message,
        "hint": None,
        "evidence": {},
    }
    return {
        "target": _name(target),
        "passed": False,
        "findings": [finding],
        "checks": [{"id": "contract.returns", "status": "fail", "detail": message}],
    }


def write_noted(notes: Mapping[str, str], reason: str) -> None:
    """Write the result of a check that could not be made to the path that was noted, if any."""
    if notes.get("json"):
        from latentfit.cli._output import write_json

        write_json(notes["json"], unmade_check(notes["target"], reason))


def _name(target: str) -> str:
    return Path(target).stem.replace("_", "-")

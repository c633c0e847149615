"""Read the replies of a hand-in's process, all of which are the hand-in's own words."""

import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from latentfit.grade.sandbox._worker import Broken
from latentfit.grade.sandbox.outcome import Failed, FailureKind, Returned

MAX_QUOTED_CHARACTERS = 2000
_MAX_TYPE_CHARACTERS = 100
_MAX_PLACE_CHARACTERS = 300
_MAX_LINE = 10_000_000


def interpreted(
    fields: Mapping[str, Any], value: Any, nonce: str, subject: str, printed: str
) -> Returned | Failed | None:
    """Return what a well-formed reply states, or None if it is not a reply to this request.

    Parameters
    ----------
    fields, value
        The reply.
    nonce : str
        What marks the request.
    subject : str
        What was run, for messages: ``"e_step()"``.
    printed : str
    """
    if fields.get("nonce") != nonce:
        return None
    match fields:
        case {"status": "returned"}:
            return Returned(value, printed)
        case {"status": "missing"}:
            message = f"The hand-in does not define {subject}."
            return Failed(FailureKind.MISSING, message, printed=printed)
        case {"status": "form", "text": str(text)}:
            quoted = cleaned(" ".join(text.split()), _MAX_PLACE_CHARACTERS)
            message = f"What {subject} returned cannot be read: {quoted}."
            return Failed(FailureKind.FORM, message, quoted, printed=printed)
        case {
            "status": "exception" | "memory" as status,
            "type": str(name),
            "text": str(text),
            "line": line,
        }:
            name = cleaned(" ".join(name.split()), _MAX_TYPE_CHARACTERS)
            reason = "needed too much memory" if status == "memory" else f"raised {name}"
            known = type(line) is int and 0 < line < _MAX_LINE
            place = f" in line {line}" if known else ""
            return Failed(
                FailureKind(status),
                f"{_capitalised(subject)} {reason}{place}.",
                cleaned(text, MAX_QUOTED_CHARACTERS),
                line if known else None,
                printed,
            )
    return None


def sentence(broken: Broken, status: int, subject: str) -> str:
    """Return how an exchange failed that brought no reply.

    Parameters
    ----------
    broken : Broken
    status : int
        Exit status of the process, or minus the number of the signal that ended it.
    subject : str
    """
    match broken.kind:
        case FailureKind.ENDED if status < 0:
            reason = f"ended its process: {_signal_name(-status)}"
        case FailureKind.ENDED:
            reason = f"ended its process with exit status {status} instead of returning"
        case FailureKind.PROTOCOL:
            reason = f"sent what is not a reply: {broken.reason}"
        case _:
            reason = broken.reason
    return f"{_capitalised(subject)} {reason}."


def _capitalised(subject: str) -> str:
    # The name of a function remains as it is.
    return subject if subject.endswith("()") else subject[:1].upper() + subject[1:]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def functions(value: Any) -> Mapping[str, tuple[str, ...] | None]:
    """Return the functions that a hand-in's process reports, as far as they are well-formed."""
    return MappingProxyType(
        {
            name: tuple(parameters) if isinstance(parameters, dict) else None
            for name, parameters in (value.items() if isinstance(value, dict) else ())
            if name.isidentifier()
        }
    )


def cleaned(text: str, max_characters: int) -> str:
    """Return a text without characters that control a terminal, shortened."""
    shown = "".join(
        character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for character in text[:max_characters]
    )
    return shown + ("…" if len(text) > max_characters else "")

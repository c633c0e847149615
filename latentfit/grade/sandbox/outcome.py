"""What a call of a hand-in's function results in."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from latentfit.errors import LatentfitError


class FailureKind(StrEnum):
    """Why a call returned nothing."""

    EXCEPTION = "exception"  #: The hand-in raised an exception, or has a syntax error.
    MISSING = "missing"  #: The hand-in has no function of this name.
    FORM = "form"  #: The function returned something that does not consist of numbers.
    TIME = "time"  #: It took too long.
    MEMORY = "memory"  #: It needed too much memory.
    PRINTED = "printed"  #: It printed too much.
    SOURCE = "source"  #: The source is too large.
    ENDED = "ended"  #: Its process ended or crashed.
    PROTOCOL = "protocol"  #: Its process sent something that is not a reply.


@dataclass(frozen=True)
class Returned:
    """A call that returned.

    Attributes
    ----------
    value : object
        What the function returned: arrays, NumPy scalars, Python numbers and None, in dicts with
        names as keys, lists and tuples. Arrays are of NumPy's base class and own their memory.
    printed : str
        What the hand-in printed during the call, shortened. It is the hand-in's text.
    """

    value: Any
    printed: str = ""


@dataclass(frozen=True)
class Failed:
    """A call that did not return, or a source that could not be run.

    Attributes
    ----------
    kind : FailureKind
    message : str
        One sentence.
    quoted : str
        What the hand-in gave as the reason, such as the text of an exception, shortened. It is the
        hand-in's text, whatever it claims.
    line : int or None
        Line of the hand-in in which an exception was raised, as its process reports it.
    printed : str
        What the hand-in printed, shortened. It is the hand-in's text.
    """

    kind: FailureKind
    message: str
    quoted: str = ""
    line: int | None = None
    printed: str = ""


class HandInError(LatentfitError):
    """A function of a hand-in failed.

    Parameters
    ----------
    failure : Failed
    """

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the failure, of which the message is a part."""
        return HandInError, (self.failure,)

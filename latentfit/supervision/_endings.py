"""How jobs and calls end other than by returning."""

import signal
from dataclasses import dataclass
from typing import Literal


class CallEnded(BaseException):
    """Ends a call from outside.

    It is not an `Exception`, because code that is called may catch those itself. Code that turns
    exceptions of a user's function into results lets it propagate.
    """


class Terminated(KeyboardInterrupt):
    """The process received SIGTERM. Code that cleans up after Ctrl-C cleans up after it too."""


@dataclass(frozen=True)
class Ending:
    """How a supervised child process ended without finishing its job.

    Attributes
    ----------
    kind : {"crash", "too long", "exit", "interrupt", "termination"}
        A fatal signal; a call that could not be interrupted; an exit within the job, such as
        ``os._exit``; Ctrl-C or SIGTERM, after which the child did not end by itself.
    signal : int
        Number of the fatal signal; 0 for other kinds.
    call : str
        The limited call that was running, such as ``"e_step"``; empty if there was none.
    seconds : float
        The time limit of that call.
    place : str
        ``"model.py, line 12"``: the innermost line that belongs neither to Python nor to an
        installed package; empty if it is unknown.
    notes : dict
        What the child noted with `note`.
    """

    kind: Literal["crash", "too long", "exit", "interrupt", "termination"]
    signal: int
    call: str
    seconds: float
    place: str
    notes: dict[str, str]

    @property
    def reason(self) -> str:
        """What happened, in a clause that follows the name of a function or of the process."""
        match self.kind:
            case "crash":
                return f"ended the process with {_signal_in_words(self.signal)}{self._at}"
            case "too long":
                return f"took longer than {self.seconds:g} s and could not be interrupted{self._at}"
            case "exit":
                return f"ended the process without an error, as os._exit does{self._at}"
            case "interrupt":
                return "was interrupted"
            case _:
                return "was terminated"

    @property
    def _at(self) -> str:
        return f" ({self.place})" if self.place else ""


def _signal_in_words(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    advice = {
        "SIGSEGV": "a segmentation fault; a recursion without an end is a frequent cause",
        "SIGKILL": "the signal SIGKILL, which the system sends if memory is exhausted",
        "SIGABRT": "an abort of compiled code",
        "SIGFPE": "an arithmetic error of compiled code",
        "SIGBUS": "a bus error",
        "SIGILL": "an illegal instruction",
    }
    return advice.get(name, f"the signal {name}")

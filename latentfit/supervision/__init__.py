"""Run a job in a child process that its parent supervises, and limit the time of single calls.

`limited` interrupts a Python function that takes too long, whatever exceptions the function
catches. It cannot interrupt compiled code that does not return, and nothing in a process survives
a segmentation fault of that process. `supervise` therefore runs a whole job in a child process. The
parent process ends the child if a limited call does not end, and describes how the child ended.

Importing this package imports modules of the standard library only, so that `supervise` can be
called before anything else is imported.
"""

from latentfit.supervision._child import is_supported, supervise
from latentfit.supervision._current import acknowledge_signal, note
from latentfit.supervision._descendants import die_with_parent
from latentfit.supervision._endings import CallEnded, Ending, Terminated
from latentfit.supervision._ignored_interrupts import interrupts_ignored
from latentfit.supervision._time_limits import Timeout, limited, running

__all__ = [
    "CallEnded",
    "Ending",
    "Terminated",
    "Timeout",
    "acknowledge_signal",
    "die_with_parent",
    "interrupts_ignored",
    "is_supported",
    "limited",
    "note",
    "running",
    "supervise",
]

"""The entry point of the command line, which runs a command in a child process that it supervises.

This module imports nothing that takes time, so that the child process can be started first. An
interrupt is then reported in one line whenever it comes, and a crash of the user's code leaves a
process that can report it.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from latentfit.cli._interrupt import Interrupts, reliable_interrupts, report_interrupt
from latentfit.cli._streams import open_closed_streams
from latentfit.supervision import Terminated, is_supported, supervise

if TYPE_CHECKING:
    from latentfit.supervision import Ending


_SHOW_CURSOR = "\x1b[?25h"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process. The command then runs in a child process on Linux, and in
        this process on other platforms, where a crash of the user's code cannot be reported and
        compiled code that does not return is not ended. With arguments it runs in this process.

    Returns
    -------
    int
        The exit status. If it is 2, one line on stderr says why.
    """
    open_closed_streams()
    if arguments is not None:
        return _run(list(arguments), ends_process=False)

    def job() -> int:
        return _run(sys.argv[1:], ends_process=True)

    return supervise(job, _report) if is_supported() else job()


def _run(arguments: list[str], *, ends_process: bool) -> int:
    interrupts = Interrupts()
    debug = "--debug" in arguments
    try:
        with reliable_interrupts(debug=debug, ends_process=ends_process) as interrupts:
            # Click and the commands take a tenth of a second to import.
            from latentfit.cli._main import run

            return run(arguments, interrupts)
    except KeyboardInterrupt as error:
        return report_interrupt(error)
    except Exception:
        # An import that was interrupted may raise anything.
        if not interrupts.received:
            raise
        return report_interrupt(interrupts.received)


def _report(ending: "Ending") -> int:
    """Report in the parent process how the child ended, and return the exit status."""
    if sys.stderr is not None and sys.stderr.isatty():
        # The child may have hidden the cursor while it showed its progress.
        print(_SHOW_CURSOR, end="", file=sys.stderr, flush=True)
    if ending.kind == "interrupt":
        status = report_interrupt(KeyboardInterrupt())
    elif ending.kind == "termination":
        status = report_interrupt(Terminated())
    else:
        from latentfit.cli._crash import report_crash

        return report_crash(ending)
    from latentfit.cli._unmade_check import write_noted

    write_noted(ending.notes, "the check was " + ending.reason.removeprefix("was "))
    return status

"""The group of commands, and the line that reports an error."""

import logging
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import click

from latentfit import __version__
from latentfit.cli import check, compare, fit, models, new
from latentfit.cli._interrupt import BAD_INPUT_STATUS, Interrupts, report_interrupt
from latentfit.cli._large_frame import call_in_large_frame
from latentfit.cli._streams import print_error
from latentfit.errors import CacheWarning, message_of


class _Group(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt as error:
            # Click prints an empty line for a KeyboardInterrupt, but not for an Abort.
            raise click.Abort from error


@click.group(cls=_Group, no_args_is_help=False)
@click.version_option(__version__, message="latentfit %(version)s")
def latentfit() -> None:
    """Check EM algorithms against the PyMC models that they were derived from.

    TARGET is a name from the catalogue, such as gaussian-mixture, or the path of a .py file.

    Exit status: 0 on success; 1 for a disagreement, a failed check or a fit that did not converge;
    2 for bad input or usage; 143 after SIGTERM.
    """


for _module in (models, fit, check, compare, new):
    latentfit.add_command(_module.command)


def run(arguments: list[str], interrupts: Interrupts) -> int:
    """Run a command, and report an error in one line on stderr.

    Parameters
    ----------
    arguments : list of str
    interrupts : Interrupts
        The signals that were received.

    Returns
    -------
    int
        The exit status.
    """
    debug = "--debug" in arguments
    if not debug and not sys.warnoptions:
        # Warnings of other libraries are suppressed: the results state what matters of them.
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", CacheWarning)
        warnings.showwarning = _shown_once()
        logging.disable(logging.WARNING)
    try:
        status = call_in_large_frame(
            lambda: latentfit.main(arguments, prog_name="latentfit", standalone_mode=False)
        )
    except BaseException as error:
        if debug and sys.stderr is not None:
            traceback.print_exc()
        if interrupts.received:
            return report_interrupt(interrupts.received)
        if _is_closed_pipe(error):
            return 0
        print_error(f"latentfit: {_error_line(error)}")
        return BAD_INPUT_STATUS
    return status or 0


def _shown_once() -> Callable[..., None]:
    """Return a function that shows a warning of latentfit in one line, unless it was shown."""
    shown: set[str] = set()

    def show(message: Warning | str, *rest: Any) -> None:
        text = str(message)
        if text not in shown:
            shown.add(text)
            print_error(f"latentfit: note: {text}")

    return show


def _is_closed_pipe(error: BaseException) -> bool:
    """Whether a reader closed the pipe while Click printed a help text."""
    # Click then replaces stdout by a wrapper, whose class is private, and exits.
    return isinstance(error, SystemExit) and type(sys.stdout).__module__.startswith("click.")


def _error_line(error: BaseException) -> str:
    """Return the message for the user."""
    match error:
        case click.Abort():
            return "interrupted"
        case click.UsageError(ctx=context):
            command = context.command_path if context else "latentfit"
            return f"{error.format_message().rstrip('.')} (see {command} --help)"
        case click.ClickException():
            return error.format_message()
        case OSError(strerror=str(reason), filename=None):
            return f"stdout cannot be written: {reason}"
        case OSError(strerror=str(reason), filename=file):
            return f"{file}: {reason}"
        case _:
            return message_of(error)

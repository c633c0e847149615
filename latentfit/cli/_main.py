"""The entry point of the command line: runs a command and reports its errors in one line."""

import logging
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import click

from latentfit import __version__
from latentfit.cli import check, compare, fit, models, new
from latentfit.cli._interrupt import reliable_interrupts
from latentfit.cli._large_frame import call_in_large_frame
from latentfit.errors import LatentfitError

_BAD_INPUT_STATUS = 2


class _Group(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            # Click prints an empty line for a KeyboardInterrupt, but not for an Abort.
            raise click.Abort from None


@click.group(cls=_Group, no_args_is_help=False)
@click.version_option(__version__, message="latentfit %(version)s")
def latentfit() -> None:
    """Check EM algorithms against the PyMC models that they were derived from.

    TARGET is a name from the catalogue, such as gaussian-mixture, or the path of a .py file.

    Exit status: 0 on success; 1 for a disagreement, a failed check or a fit that did not converge;
    2 for bad input or usage.
    """


for _module in (models, fit, check, compare, new):
    latentfit.add_command(_module.command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        The exit status. If it is 2, one line on stderr says why.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    if not debug and not sys.warnoptions:
        # Warnings of other libraries are suppressed: the results state what matters of them.
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
    try:
        with reliable_interrupts():
            status = call_in_large_frame(
                lambda: latentfit.main(arguments, prog_name="latentfit", standalone_mode=False)
            )
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        print(f"latentfit: {_error_line(error)}", file=sys.stderr)
        return _BAD_INPUT_STATUS
    return status or 0


def _error_line(error: BaseException) -> str:
    """Return the message for the user on one line."""
    match error:
        case click.Abort() | KeyboardInterrupt():
            line = "interrupted"
        case click.UsageError(ctx=context):
            command = context.command_path if context else "latentfit"
            line = f"{error.format_message().rstrip('.')} (see {command} --help)"
        case click.ClickException():
            line = error.format_message()
        case LatentfitError():
            line = str(error)
        case _:
            line = f"{type(error).__name__}: {error} (unexpected; --debug shows where)"
    return " ".join(line.split())

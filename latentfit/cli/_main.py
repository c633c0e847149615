"""The group of commands, and what becomes of their errors."""

import logging
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import click

from latentfit import __version__
from latentfit.cli import check, compare, fit, models, new
from latentfit.cli._interrupt import delivered
from latentfit.cli._room import with_room
from latentfit.errors import LatentfitError

_BAD_INPUT = 2


class _Interruptible(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            # Click would print an empty line first, and one line is what is promised.
            raise click.Abort from None


@click.group(cls=_Interruptible, no_args_is_help=False)
@click.version_option(__version__, message="latentfit %(version)s")
def latentfit() -> None:
    """Check EM algorithms against the PyMC models that they were derived from.

    TARGET is a name from the catalogue, such as gaussian-mixture, or the path of a .py file.

    Exit status: 0 if all is well, 1 for a disagreement, a failed check or a fit that did not
    converge, 2 for bad input or usage.
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
        The exit status. Where it is 2, one line on stderr says why.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    if not debug and not sys.warnoptions:
        # Of the libraries underneath: what matters of it, verdicts and messages say.
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
    try:
        with delivered():
            status = with_room(
                lambda: latentfit.main(arguments, prog_name="latentfit", standalone_mode=False)
            )
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        print(f"latentfit: {_line(error)}", file=sys.stderr)
        return _BAD_INPUT
    return status or 0


def _line(error: BaseException) -> str:
    """What the user reads of an error, on one line."""
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

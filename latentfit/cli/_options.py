"""Options that several commands have."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._settings import parse_settings
from latentfit.cli._timings import Stopwatch, print_timings
from latentfit.em import accelerate

if TYPE_CHECKING:
    from latentfit.progress import Progress

Command = Callable[..., Any]

ACCELERATORS = accelerate.names()
# Repeated here because importing the module that defines them would delay --help.
BACKENDS = ("numba", "jax", "c")


@dataclass(frozen=True)
class Common:
    """The options of every command.

    Attributes
    ----------
    seed : int
        Seed of all random numbers.
    settings : dict
        Options of the model, from ``--set name=value``.
    json : str or None
        Path for the machine-readable result; ``-`` is stdout.
    quiet : bool
        Whether to print nothing but errors.
    progress : Progress
        Shows the stages of the computation.
    """

    seed: int
    settings: dict[str, Any]
    json: str | None
    quiet: bool
    progress: "Progress"

    @property
    def prints_text(self) -> bool:
        """Whether the command prints its result as text."""
        return not self.quiet and self.json != "-"


def common(*, random: bool = True) -> Callable[[Command], Command]:
    """Decorate a command with the common options, which become its first argument, a `Common`.

    Parameters
    ----------
    random : bool
        Whether the command uses random numbers and options of a model. If not, ``--seed`` and
        ``--set`` are accepted, but not mentioned in its help.
    """
    options = (
        click.option(
            "--seed",
            type=click.IntRange(min=0),
            default=0,
            metavar="INT",
            show_default=True,
            help="Seed of all random numbers.",
            hidden=not random,
        ),
        click.option(
            "--set",
            "settings",
            callback=parse_settings,
            multiple=True,
            metavar="NAME=VALUE",
            help="Set an option of the model, such as components=3. Repeatable.",
            hidden=not random,
        ),
        click.option(
            "--json",
            metavar="PATH",
            help="Write the result as JSON; - writes it to stdout instead of the text.",
        ),
        click.option("--quiet", is_flag=True, help="Print nothing but errors."),
        click.option("--timings", is_flag=True, help="Print the time of each stage on stderr."),
        # `main` looks for this option before Click parses any, so that it works for usage errors.
        click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks."),
    )

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_common(
            *,
            seed: int,
            settings: dict[str, Any],
            json: str | None,
            quiet: bool,
            timings: bool,
            **rest: Any,
        ) -> Any:
            from latentfit.progress import Progress

            def run(progress: Progress) -> Any:
                return command(Common(seed, settings, json, quiet, progress), **rest)

            if not timings:
                return run(Progress(quiet=quiet))
            with Stopwatch() as watch:
                progress = Progress(quiet=quiet, clock=watch.clock)
                status = run(progress)
                # A command that raises an error prints one line only, and hence no timings.
                print_timings(watch, progress.stage_seconds)
                return status

        return _add_options(with_common, options)

    return decorate


def count(name: str, default: int, text: str) -> Callable[[Command], Command]:
    """Decorate a command with an option that is a whole number of at least one."""
    return click.option(
        name,
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        metavar="N",
        help=text,
    )


def on_data(command: Command) -> Command:
    """Decorate a command with its target and the options that choose its data.

    ``--response`` and ``--covariates`` reach the command as further entries of `columns`.
    """
    options = (
        click.argument("target"),
        click.option(
            "--data",
            type=click.Path(path_type=Path),
            metavar="CSV",
            help="A CSV file with a header line; fit also takes a folder of Parquet files. By "
            "default the model's example data.",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="[ARGUMENT=]COLUMN,...",
            help="Columns of the table that are a data argument of the model. Repeatable.",
        ),
        click.option(
            "--response",
            metavar="COLUMN",
            help="For a regression: short for --column response=COLUMN.",
        ),
        click.option(
            "--covariates",
            metavar="COLUMN,...",
            help="For a regression: short for --column covariates=COLUMN,...",
        ),
    )

    @functools.wraps(command)
    def with_columns(
        *args: Any, columns: Any, response: str | None, covariates: str | None, **rest: Any
    ) -> Any:
        shorthands = {"response": response, "covariates": covariates}
        chosen = [f"{name}={value}" for name, value in shorthands.items() if value is not None]
        return command(*args, columns=(*columns, *chosen), **rest)

    return _add_options(with_columns, options)


def fitted(command: Command) -> Command:
    """Decorate a command with the options of everything that fits a model to data."""
    options = (
        count(
            "--starts",
            5,
            "Number of starting values from which EM runs; the best result is reported.",
        ),
        click.option(
            "--short-runs",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Choose the starting values as the best of N runs of ten iterations (em-EM).",
        ),
        click.option(
            "--accelerate",
            type=click.Choice(ACCELERATORS),
            default="auto",
            show_default=True,
            help="Method that extrapolates EM's iterates; auto uses one after a hundred iterations "
            "without convergence.",
        ),
    )
    return on_data(_add_options(command, options))


def _add_options(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    """Apply decorators so that the help lists their options in the given order."""
    for option in reversed(options):
        command = option(command)
    return command

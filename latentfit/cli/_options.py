"""Options that commands share."""

import ast
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._timings import Stopwatch, say_timings
from latentfit.em import accelerate

if TYPE_CHECKING:
    from latentfit.progress import Progress

Command = Callable[..., Any]

ACCELERATORS = accelerate.names()
# Stated here for their help to be there at once.
BACKENDS = ("numba", "jax", "c")


@dataclass(frozen=True)
class Common:
    """The options that every command takes.

    Attributes
    ----------
    seed : int
        Of all random numbers.
    settings : dict
        Options of the model, ``--set name=value``.
    json : str or None
        Where the machine-readable result goes; ``-`` is stdout.
    quiet : bool
        Print nothing but errors.
    progress : Progress
        Where the command says how far it has come.
    """

    seed: int
    settings: dict[str, Any]
    json: str | None
    quiet: bool
    progress: "Progress"


@dataclass(frozen=True)
class Range:
    """Whole numbers from `first` to `last`, both of them included: ``1..6``."""

    first: int
    last: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")


class _Setting(click.ParamType):
    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, Any]:
        name, separator, text = value.partition("=")
        if not (separator and name.isidentifier()):
            self.fail(f"{value!r} is not of the form name=value", param, context)
        if ends := _RANGE.fullmatch(text):
            found = Range(*map(int, ends.groups()))
            if found.first > found.last:
                self.fail(
                    f"{value}: a range goes up, as {found.last}..{found.first} does", param, context
                )
            return name, found
        try:
            return name, ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return name, text


def common(*, random: bool = True) -> Callable[[Command], Command]:
    """Give a command the common options; they arrive as its first argument, a `Common`.

    Parameters
    ----------
    random : bool
        Whether there is anything to seed or to set; otherwise these two are taken without
        being advertised.
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
            type=_Setting(),
            multiple=True,
            metavar="NAME=VALUE",
            help="An option of the model, such as components=3. Repeatable.",
            hidden=not random,
        ),
        click.option(
            "--json",
            metavar="PATH",
            help="Write the result as JSON; - is stdout, in place of the text.",
        ),
        click.option("--quiet", is_flag=True, help="Print nothing but errors."),
        click.option("--timings", is_flag=True, help="Say on stderr where the time went."),
        # Looked for before anything is parsed, so that it holds for errors of usage too.
        click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks."),
    )

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_common(
            *, seed: int, settings: Any, json: str | None, quiet: bool, timings: bool, **rest: Any
        ) -> Any:
            from latentfit.progress import Progress

            def run(progress: Progress) -> Any:
                return command(Common(seed, dict(settings), json, quiet, progress), **rest)

            if not timings:
                return run(Progress(quiet=quiet))
            with Stopwatch() as watch:
                progress = Progress(quiet=quiet, clock=watch.clock)
                status = run(progress)
                # Not of a command that was refused: one line is what is promised of that.
                say_timings(watch, progress.spent)
                return status

        for option in reversed(options):
            with_common = option(with_common)
        return with_common

    return decorate


def count(name: str, default: int, text: str) -> Callable[[Command], Command]:
    """An option that says how many: at least one."""
    return click.option(
        name,
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        metavar="N",
        help=text,
    )


def on_data(command: Command) -> Command:
    """Give a command a target and the data that it is held against."""
    options = (
        click.argument("target"),
        click.option(
            "--data",
            type=click.Path(path_type=Path),
            metavar="CSV",
            help="A table with a header line. By default the model's example data. For fit also a "
            "folder of Parquet files.",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="[ARGUMENT=]COLUMN,...",
            help="Which columns are which data of the model. Repeatable.",
        ),
        click.option(
            "--response",
            metavar="COLUMN",
            help="Of a regression: short for --column response=COLUMN.",
        ),
        click.option(
            "--covariates",
            metavar="COLUMN,...",
            help="Of a regression: short for --column covariates=COLUMN,...",
        ),
    )

    @functools.wraps(command)
    def with_columns(
        *args: Any, columns: Any, response: str | None, covariates: str | None, **rest: Any
    ) -> Any:
        named = {"response": response, "covariates": covariates}
        chosen = [f"{name}={value}" for name, value in named.items() if value is not None]
        return command(*args, columns=(*columns, *chosen), **rest)

    for option in reversed(options):
        with_columns = option(with_columns)
    return with_columns


def fitted(command: Command) -> Command:
    """Give a command the arguments of everything that fits a model to data."""
    starts = count("--starts", 5, "Runs of EM from different starting values; the best one counts.")
    accelerate = click.option(
        "--accelerate",
        type=click.Choice(ACCELERATORS),
        default="auto",
        show_default=True,
        help="How EM is extrapolated; auto does so if a hundred iterations are not enough.",
    )
    short = click.option(
        "--short-runs",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Take as starts the best of N runs of ten iterations.",
    )
    return on_data(starts(short(accelerate(command))))

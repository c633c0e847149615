"""``latentfit compare``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._inputs import table, varied
from latentfit.cli._options import BACKENDS, Common, Range, common, count, fitted
from latentfit.cli._output import check_json, rendered, say, write_json

if TYPE_CHECKING:
    from latentfit.model import LatentModel


@click.command("compare")
@fitted
@count("--draws", 1000, "Posterior draws kept in each chain.")
@count("--tune", 1000, "Draws before them that only tune the sampler.")
@count("--chains", 4, "Chains of the sampler.")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="numba",
    show_default=True,
    help="What compiles the log-density for it. Numba takes longest for a new model and keeps what "
    "it has compiled; jax is an extra.",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(min=2),
    default=None,
    metavar="N",
    help="Also find standard errors from EM on N data sets drawn at its estimate.",
)
@click.option(
    "--profile",
    multiple=True,
    metavar="PARAMETER",
    help="Also find the profile likelihood interval of a parameter: mu, or mu[0]. Repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for report.html, comparison.json, comparison.nc.  [default: reports/<name>]",
)
@common()
def command(
    options: Common,
    target: str,
    data: Path | None,
    columns: Sequence[str],
    out: Path | None,
    bootstrap: int | None,
    **sampling: Any,
) -> int:
    """Set EM beside PyMC's MLE, MAP and posterior.

    All four come from one declaration. Prints the figures with a verdict on each, and writes a
    report with the draws.

    With a range, such as --set components=1..6, it does so for each of these values, in a folder of
    its own, and sets AIC, BIC, ICL and leave-one-out cross-validation side by side.
    """
    import latentfit
    from latentfit import report

    check_json(options.json)
    model = latentfit.load(target)
    several, settings = varied(model, options.settings)
    folder = out or Path("reports") / model.name
    values = table(model, data, columns)
    report.check_writable(folder)
    run = {"seed": options.seed, "bootstrap": bootstrap or 0, **sampling, **settings}
    if several:
        return _select(options, several, model, values, folder, run)
    with options.progress as progress:
        comparison = model.compare(values, progress=progress, **run)
        with progress.stage("Writing the report"):
            paths = report.write(comparison, folder)
    if options.json:
        write_json(options.json, comparison.to_dict())
    if not options.quiet and options.json != "-":
        say(rendered(report.terminal(comparison)) + "\n")
        for path in (paths.report, paths.json, paths.netcdf):
            say(str(path))
    return 0 if comparison.agree is True else 1


def _select(
    options: Common,
    several: tuple[str, Range],
    model: "LatentModel",
    data: Any,
    folder: Path,
    run: Mapping[str, Any],
) -> int:
    """Compare at each value of a range, and say what the criteria prefer."""
    from latentfit import report

    option, values = several
    folders = {value: folder / f"{option}-{value}" for value in values}
    for own in folders.values():
        report.check_writable(own)
    reports = {}

    def written(value: int, comparison: Any) -> None:
        reports[value] = report.write(comparison, folders[value]).report

    with options.progress as progress:
        selection = model.select(
            data,
            option=option,
            values=values,
            posterior=True,
            progress=progress,
            on_value=written,
            **run,
        )
        with progress.stage("Writing the report"):
            paths = report.write_selection(selection, folder, reports)
    if options.json:
        write_json(options.json, json.loads(paths[1].read_text(encoding="utf-8")))
    if not options.quiet and options.json != "-":
        say(repr(selection) + "\n")
        for path in (*paths, *reports.values()):
            say(str(path))
    failed = any(one.fit is None or one.agree is False for one in selection.candidates)
    return 1 if failed else 0

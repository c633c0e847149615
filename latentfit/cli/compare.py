"""``latentfit compare``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from latentfit.cli._inputs import check_settings, table
from latentfit.cli._options import Common, common, count, fitted
from latentfit.cli._output import check_json, rendered, say, write_json


@click.command("compare")
@fitted
@count("--draws", 1000, "Posterior draws kept in each chain.")
@count("--tune", 1000, "Draws before them that only tune the sampler.")
@count("--chains", 4, "Chains of the sampler.")
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
    """
    import latentfit
    from latentfit import report
    from latentfit.progress import Progress

    check_json(options.json)
    model = latentfit.load(target)
    check_settings(model, options.settings)
    folder = out or Path("reports") / model.name
    values = table(model, data, columns)
    report.check_writable(folder)
    with Progress(quiet=options.quiet) as progress:
        comparison = model.compare(
            values,
            seed=options.seed,
            bootstrap=bootstrap or 0,
            progress=progress,
            **sampling,
            **options.settings,
        )
        with progress.stage("Writing the report"):
            paths = report.write(comparison, folder)
    if options.json:
        write_json(options.json, comparison.to_dict())
    if not options.quiet and options.json != "-":
        say(rendered(report.terminal(comparison)) + "\n")
        for path in (paths.report, paths.json, paths.netcdf):
            say(str(path))
    return 0 if comparison.agree is True else 1

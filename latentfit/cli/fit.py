"""``latentfit fit``."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._inputs import check_settings, connected, table
from latentfit.cli._options import Common, common, count, fitted
from latentfit.cli._output import check_json, say, write_json
from latentfit.errors import LatentfitError

if TYPE_CHECKING:
    from latentfit.em import Solution


@click.command("fit")
@fitted
@count("--max-iterations", 10_000, "Iterations of EM at most.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-8,
    show_default=True,
    metavar="X",
    help="Estimated relative distance from the limit at which EM stops.",
)
@click.option(
    "--standard-errors",
    is_flag=True,
    help="Also from the observed information, of the model's own log-likelihood.",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(min=2),
    metavar="N",
    help="Also from EM on N data sets drawn at its estimate.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Scheduler of the Dask cluster on which a folder of Parquet files is fitted. By default "
    "one of this machine's own.",
)
@common()
def command(
    options: Common,
    target: str,
    data: Path | None,
    columns: Sequence[str],
    starts: int,
    accelerate: str,
    max_iterations: int,
    tolerance: float,
    standard_errors: bool,
    bootstrap: int | None,
    cluster: str | None,
) -> int:
    """Run EM alone, without PyMC.

    Where --data is a folder of Parquet files, the E steps run on a Dask cluster.
    """
    import latentfit
    from latentfit.progress import Progress

    check_json(options.json)
    model = latentfit.load(target)
    check_settings(model, options.settings)
    chunked = data is not None and data.is_dir()
    if cluster and not chunked:
        raise click.UsageError(
            "--cluster needs --data FOLDER, of Parquet files", click.get_current_context()
        )
    if chunked and (standard_errors or bootstrap):
        raise click.UsageError(
            "--standard-errors and --bootstrap need data in memory, a CSV file",
            click.get_current_context(),
        )
    values = data if chunked else table(model, data, columns)
    stopping = latentfit.Stopping(distance=tolerance, max_iterations=max_iterations)
    found = []
    with Progress(quiet=options.quiet) as progress, ExitStack() as stack:
        where: dict[str, Any] = {}
        if chunked:
            client = stack.enter_context(connected(cluster))
            where = {"columns": columns, "executor": client}
        fit = model.fit(
            values,
            **where,
            seed=options.seed,
            starts=starts,
            accelerate=accelerate,
            stopping=stopping,
            progress=progress,
            **options.settings,
        )
        if fit.best.stop.degenerate:
            raise LatentfitError(
                f"EM has no estimate, from {starts} start{'s' if starts > 1 else ''}: "
                f"{fit.best.message}"
            )
        if standard_errors:
            with progress.stage("Standard errors"):
                found.append(model.standard_errors(fit.params, values, **options.settings))
        if bootstrap:
            replicates = model.bootstrap(
                fit.params,
                values,
                replicates=bootstrap,
                seed=options.seed,
                stopping=stopping,
                progress=progress,
                **options.settings,
            )
            found.append(replicates.standard_errors)
    if options.json:
        result = {
            "model": model.name,
            **_summary(fit.best),
            "starts": [_summary(solution) for solution in fit.solutions],
            "standard_errors": {one.route: one.errors for one in found},
            "seed": options.seed,
        }
        write_json(options.json, result)
    if not options.quiet and options.json != "-":
        say("\n\n".join(map(repr, (fit, *found))))
    return 0 if fit.best.converged else 1


def _summary(solution: "Solution") -> dict[str, Any]:
    return {
        "parameters": solution.params,
        "log_likelihood": solution.log_likelihood,
        "iterations": solution.iterations,
        "evaluations": solution.evaluations,
        "stop": solution.stop.name.lower(),
        "converged": solution.converged,
        "message": solution.message,
    }

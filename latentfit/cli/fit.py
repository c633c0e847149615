"""``latentfit fit``."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._inputs import connected, table, varied
from latentfit.cli._options import Common, Range, common, count, fitted
from latentfit.cli._output import check_json, say, write_json
from latentfit.errors import InputError, LatentfitError

if TYPE_CHECKING:
    from latentfit.em import Fit, ShortRun, Solution
    from latentfit.model import LatentModel


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
@count("--workers", 1, "Processes in which the starts run side by side.")
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
    short_runs: int,
    accelerate: str,
    max_iterations: int,
    tolerance: float,
    workers: int,
    standard_errors: bool,
    bootstrap: int | None,
    cluster: str | None,
) -> int:
    """Run EM alone, without PyMC.

    With a range, such as --set components=1..6, it runs at each of these values, and AIC, BIC and
    ICL are set side by side.

    Where --data is a folder of Parquet files, the E steps run on a Dask cluster.
    """
    import latentfit

    check_json(options.json)
    model = latentfit.load(target)
    several, settings = varied(model, options.settings)
    chunked = data is not None and data.is_dir()
    if cluster and not chunked:
        raise click.UsageError(
            "--cluster needs --data FOLDER, of Parquet files", click.get_current_context()
        )
    if chunked and (standard_errors or bootstrap or several or short_runs):
        raise click.UsageError(
            "--standard-errors, --bootstrap, --short-runs and a range need data in memory, a CSV "
            "file",
            click.get_current_context(),
        )
    if chunked and workers > 1:
        raise click.UsageError(
            "--workers is for data in memory: those in chunks have a cluster",
            click.get_current_context(),
        )
    values = data if chunked else table(model, data, columns)
    stopping = latentfit.Stopping(distance=tolerance, max_iterations=max_iterations)
    run = {
        "seed": options.seed,
        "starts": starts,
        "short_runs": short_runs,
        "accelerate": accelerate,
        "stopping": stopping,
        **settings,
    }
    if several:
        if standard_errors or bootstrap:
            raise InputError("standard errors are of one fit: give one value in place of a range")
        return _select(options, several, model, values, workers, run)
    found = []
    with options.progress as progress, ExitStack() as stack:
        where: dict[str, Any] = {}
        if chunked:
            where = {"columns": columns, "executor": stack.enter_context(connected(cluster))}
        else:
            where = {"executor": stack.enter_context(latentfit.em.workers(workers))}
        fit = model.fit(values, progress=progress, **where, **run)
        if fit.best.stop.degenerate:
            raise LatentfitError(
                f"EM has no estimate, from {starts} start{'s' if starts > 1 else ''}: "
                f"{fit.best.message}"
            )
        if standard_errors:
            with progress.stage("Standard errors"):
                found.append(model.standard_errors(fit.params, values, **settings))
        if bootstrap:
            replicates = model.bootstrap(
                fit.params,
                values,
                replicates=bootstrap,
                seed=options.seed,
                stopping=stopping,
                progress=progress,
                **settings,
            )
            found.append(replicates.standard_errors)
    if options.json:
        result = {
            "model": model.name,
            **_summary(fit.best),
            "starts": [_summary(solution) for solution in fit.solutions],
            "short_runs": [_short(run) for run in fit.short_runs],
            "optima": _optima(fit),
            "standard_errors": {one.route: one.errors for one in found},
            "seed": options.seed,
        }
        write_json(options.json, result)
    if not options.quiet and options.json != "-":
        say("\n\n".join(map(repr, (fit, *found))))
    return 0 if fit.best.converged else 1


def _select(
    options: Common,
    several: tuple[str, Range],
    model: "LatentModel",
    data: Any,
    workers: int,
    run: Mapping[str, Any],
) -> int:
    """Fit at each value of a range, and say what the criteria prefer."""
    from latentfit import em

    option, values = several
    with options.progress as progress, em.workers(workers) as executor:
        selection = model.select(
            data, option=option, values=values, executor=executor, progress=progress, **run
        )
    if options.json:
        write_json(options.json, selection.to_dict())
    if not options.quiet and options.json != "-":
        say(repr(selection))
    return 0 if all(one.judged for one in selection.candidates) else 1


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


def _short(run: "ShortRun") -> dict[str, Any]:
    return {
        "parameters": run.params,
        "log_likelihood": run.log_likelihood,
        "iterations": run.iterations,
        "stop": run.stop.name.lower(),
        "kept": run.kept,
    }


def _optima(fit: "Fit") -> list[dict[str, Any]] | None:
    """Heights and how many starts ended there; None without a log-likelihood."""
    if fit.log_likelihood is None:
        return None
    return [
        {"log_likelihood": one.log_likelihood, "count": one.count, "apart": one.max_distance}
        for one in fit.limit_points()
    ]

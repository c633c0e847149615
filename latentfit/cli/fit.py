"""The command ``latentfit fit``."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._data import cluster_client, read_data
from latentfit.cli._fit_json import fit_entries
from latentfit.cli._options import Common, common, count, fitted
from latentfit.cli._output import check_json_path, write_json
from latentfit.cli._settings import Range, split_range
from latentfit.cli._streams import print_text
from latentfit.cli._target import load_model
from latentfit.errors import InputError, LatentfitError

if TYPE_CHECKING:
    from latentfit.model import LatentModel


@click.command("fit")
@fitted
@count("--max-iterations", 10_000, "Maximum number of EM iterations.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-8,
    show_default=True,
    metavar="X",
    help="Estimated relative distance from the limit point at which EM stops.",
)
@count("--workers", 1, "Number of processes that run the starts in parallel.")
@click.option(
    "--standard-errors",
    is_flag=True,
    help="Compute standard errors from the observed information of the model's log_likelihood.",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(min=2),
    metavar="N",
    help="Compute standard errors from EM on N data sets that are drawn at the estimate.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Scheduler of the Dask cluster that fits a folder of Parquet files. By default a cluster "
    "is started on this machine.",
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

    With a range, such as --set components=1..6, EM runs for each of these values, and AIC, BIC and
    ICL are compared.

    If --data is a folder of Parquet files, the E steps run on a Dask cluster.
    """
    import latentfit
    from latentfit.workflow.options import model_keywords

    check_json_path(options.json, (data, target))
    model = load_model(target)
    varied, settings = split_range(model, options.settings)
    in_files = data is not None and data.is_dir()
    if in_files:
        needs_memory = bool(standard_errors or bootstrap or varied or short_runs)
        _check_usage_for_files(needs_memory=needs_memory, workers=workers)
    elif cluster:
        raise click.UsageError(
            "--cluster needs --data FOLDER, a folder of Parquet files", click.get_current_context()
        )
    values = data if in_files else read_data(model, data, columns)
    stopping = latentfit.Stopping(distance=tolerance, max_iterations=max_iterations)
    arguments = {
        "seed": options.seed,
        "starts": starts,
        "short_runs": short_runs,
        "accelerate": accelerate,
        "stopping": stopping,
        **model_keywords(settings),
    }
    if varied:
        if standard_errors or bootstrap:
            raise InputError(
                f"--standard-errors and --bootstrap need a single value of {varied[0]}, not a range"
            )
        return _select(options, varied, model, values, workers, arguments)
    errors = []
    with options.progress as progress, ExitStack() as stack:
        where: dict[str, Any] = {}
        if in_files:
            where = {"columns": columns, "executor": stack.enter_context(cluster_client(cluster))}
        else:
            where = {"executor": stack.enter_context(latentfit.em.workers(workers))}
        fit = model.fit(values, progress=progress, **where, **arguments)
        if fit.best.stop.degenerate:
            raise LatentfitError(
                f"EM found no estimate from {starts} start{'s' if starts > 1 else ''}: "
                f"{fit.best.message}"
            )
        if standard_errors:
            with progress.stage("Standard errors"):
                errors.append(model.standard_errors(fit.params, values, **model_keywords(settings)))
        if bootstrap:
            replicates = model.bootstrap(
                fit.params,
                values,
                replicates=bootstrap,
                seed=options.seed,
                stopping=stopping,
                progress=progress,
                **model_keywords(settings),
            )
            errors.append(replicates.standard_errors)
    if options.json:
        result = {
            "model": model.name,
            **fit_entries(fit),
            "standard_errors": {one.method: one.errors for one in errors},
            "seed": options.seed,
        }
        write_json(options.json, result)
    if options.prints_text:
        print_text("\n\n".join(map(repr, (fit, *errors))))
    return 0 if fit.best.converged else 1


def _check_usage_for_files(*, needs_memory: bool, workers: int) -> None:
    """Refuse options that a folder of Parquet files does not support.

    Raises
    ------
    click.UsageError
        If an option needs the data in memory, or the starts were to run in several processes.
    """
    if needs_memory:
        raise click.UsageError(
            "--standard-errors, --bootstrap, --short-runs and a range need data in memory, from a "
            "CSV file",
            click.get_current_context(),
        )
    if workers > 1:
        raise click.UsageError(
            "--workers needs data in memory, from a CSV file; a folder of Parquet files is fitted "
            "on a cluster",
            click.get_current_context(),
        )


def _select(
    options: Common,
    varied: tuple[str, Range],
    model: "LatentModel",
    data: Any,
    workers: int,
    arguments: Mapping[str, Any],
) -> int:
    """Fit the model for each value of an option, and print its information criteria."""
    from latentfit import em

    option, values = varied
    with options.progress as progress, em.workers(workers) as executor:
        selection = model.select(
            data, option=option, values=values, executor=executor, progress=progress, **arguments
        )
    if options.json:
        write_json(options.json, selection.to_dict())
    if options.prints_text:
        print_text(repr(selection))
    return 0 if all(one.judged for one in selection.candidates) else 1

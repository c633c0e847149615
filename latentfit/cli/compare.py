"""The command ``latentfit compare``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._data import read_data
from latentfit.cli._options import BACKENDS, Common, common, count, fitted
from latentfit.cli._output import check_json_path, check_not_input, render, write_json
from latentfit.cli._settings import Range, split_range
from latentfit.cli._streams import print_text
from latentfit.cli._target import load_model

if TYPE_CHECKING:
    from latentfit.model import LatentModel


@click.command("compare")
@fitted
@count("--draws", 1000, "Posterior draws that are kept of each chain.")
@count("--tune", 1000, "Draws of each chain that tune the sampler and are discarded.")
@count("--chains", 4, "Number of chains of the sampler.")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="numba",
    show_default=True,
    help="Compiler of the log density for the sampler. numba takes longest for a new model, but "
    "caches the result; jax needs latentfit[jax].",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(min=2),
    default=None,
    metavar="N",
    help="Also compute standard errors from EM on N data sets that are drawn at its estimate.",
)
@click.option(
    "--profile",
    multiple=True,
    metavar="PARAMETER",
    help="Also compute the profile likelihood interval of a parameter: mu, or mu[0]. Repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for report.html, comparison.json and comparison.nc.  [default: reports/<name>]",
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
    """Compare EM with the MLE, MAP and posterior of the PyMC model.

    Prints the estimates and a verdict on each comparison, and writes a report and the posterior
    draws.

    With a range, such as --set components=1..6, each of these values is compared and reported in a
    folder of its own, together with AIC, BIC, ICL and leave-one-out cross-validation.
    """
    from latentfit import report
    from latentfit.workflow.options import model_keywords

    check_json_path(options.json, (data, target))
    model = load_model(target)
    varied, settings = split_range(model, options.settings)
    folder = out or Path("reports") / model.name
    values = read_data(model, data, columns)
    _check_folder(folder, (data, target))
    arguments = {
        "seed": options.seed,
        "bootstrap": bootstrap or 0,
        **sampling,
        **model_keywords(settings),
    }
    if varied:
        return _select(options, varied, model, values, folder, (data, target), arguments)
    with options.progress as progress:
        comparison = model.compare(values, progress=progress, **arguments)
        with progress.stage("Writing the report"):
            paths = report.write(comparison, folder)
    if options.json:
        write_json(options.json, comparison.to_dict())
    if options.prints_text:
        print_text(render(report.terminal(comparison)) + "\n")
        for path in (paths.report, paths.json, paths.netcdf):
            print_text(str(path))
    # A comparison that could not be made is no disagreement; chains that cannot be trusted are
    # reported by the status, because they can be repeated with more draws.
    untrusted = any(one.id == "chains" and one.status == "fail" for one in comparison.verdicts)
    return 1 if comparison.agree is False or untrusted else 0


def _check_folder(folder: Path, inputs: "Sequence[str | Path | None]") -> None:
    """Check that a report can be written into a folder without overwriting an input."""
    from latentfit import report

    report.check_writable(folder)
    for file in report.report_files(folder):
        check_not_input(file, "--out", inputs)


def _select(
    options: Common,
    varied: tuple[str, Range],
    model: "LatentModel",
    data: Any,
    folder: Path,
    inputs: "Sequence[str | Path | None]",
    arguments: Mapping[str, Any],
) -> int:
    """Compare and report each value of an option, and print the criteria that choose among them."""
    from latentfit import report

    option, values = varied
    folders = {value: folder / f"{option}-{value}" for value in values}
    for value_folder in folders.values():
        _check_folder(value_folder, inputs)
    reports = {}

    def write_report(value: int, comparison: Any) -> None:
        reports[value] = report.write(comparison, folders[value]).report

    with options.progress as progress:
        selection = model.select(
            data,
            option=option,
            values=values,
            posterior=True,
            progress=progress,
            on_value=write_report,
            **arguments,
        )
        with progress.stage("Writing the report"):
            paths = report.write_selection(selection, folder, reports)
    if options.json:
        write_json(options.json, json.loads(paths[1].read_text(encoding="utf-8")))
    if options.prints_text:
        print_text(repr(selection) + "\n")
        for path in (*paths, *reports.values()):
            print_text(str(path))
    failed = any(one.fit is None or one.agree is False for one in selection.candidates)
    return 1 if failed else 0

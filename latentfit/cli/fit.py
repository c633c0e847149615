"""``latentfit fit``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._inputs import check_settings, table
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
) -> int:
    """Run EM alone, without PyMC."""
    import latentfit
    from latentfit.progress import Progress

    check_json(options.json)
    model = latentfit.load(target)
    check_settings(model, options.settings)
    values = table(model, data, columns)
    stopping = latentfit.Stopping(distance=tolerance, max_iterations=max_iterations)
    found = []
    with Progress(quiet=options.quiet) as progress:
        fit = model.fit(
            values,
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

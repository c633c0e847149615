"""``latentfit fit``."""

from collections.abc import Sequence
from pathlib import Path

import click

from latentfit.cli._inputs import table
from latentfit.cli._options import Common, common, fitted
from latentfit.cli._output import check_json, say, write_json


@click.command("fit")
@fitted
@click.option("--max-iterations", type=click.IntRange(min=1), help="Iterations of EM at most.")
@click.option("--tolerance", type=click.FloatRange(min=0, min_open=True), help="When EM stops.")
@common()
def command(
    options: Common,
    target: str,
    data: Path | None,
    columns: Sequence[str],
    starts: int,
    max_iterations: int | None,
    tolerance: float | None,
) -> int:
    """Run EM alone, without PyMC."""
    import latentfit
    from latentfit.progress import Progress

    check_json(options.json)
    model = latentfit.load(target)
    given = {"max_iterations": max_iterations, "tolerance": tolerance}
    with Progress(quiet=options.quiet) as progress:
        fit = model.fit(
            table(model, data, columns),
            seed=options.seed,
            starts=starts,
            stopping=latentfit.Stopping(**{k: v for k, v in given.items() if v is not None}),
            progress=progress,
            **options.settings,
        )
    return 0

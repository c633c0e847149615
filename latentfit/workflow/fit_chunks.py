"""``latentfit fit --data FOLDER``: EM on data in chunks, on a Dask cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

from latentfit import declaration as declared
from latentfit import em
from latentfit.declaration.definition import ModelDefinition
from latentfit.em import distributed
from latentfit.errors import DeclarationError, InputError
from latentfit.progress import Progress
from latentfit.workflow._starts import starting_params
from latentfit.workflow.bound_model import BoundModel, check_options, matrix_arguments
from latentfit.workflow.options import FitOptions


def fit_chunks(
    definition: ModelDefinition,
    data: Any,
    fitting: FitOptions,
    options: Mapping[str, Any],
    columns: Sequence[str],
    executor: Any,
    progress: Progress,
) -> em.Fit:
    """Run EM with the E steps on the workers that hold the data.

    The starts are made from a sample of the rows.

    Parameters
    ----------
    definition : ModelDefinition
        With `statistics`.
    data : Dask collection or path
    fitting : FitOptions
        Without short runs.
    options : mapping
        Options of ``model``.
    columns : sequence of str
    executor : Dask client or None
    progress : Progress

    Raises
    ------
    InputError, DeclarationError, StepError, ClusterError
    """
    if fitting.short_runs:
        raise InputError("short runs need data in memory")
    if definition.statistics is None:
        raise DeclarationError(
            f"{definition.name} has no statistics(expectations, data): data in chunks need sums "
            f"over the units that add over chunks"
        )
    check_options(definition, options)
    if not definition.arguments:
        raise InputError("the model is built already and holds its data")
    client = distributed.client_of(executor)
    chunks = distributed.chunked_data(
        data, definition.arguments, chosen=columns, matrices=matrix_arguments(definition)
    )
    with progress.stage("Reading the data once"):
        survey = distributed.survey(chunks, client, seed=fitting.seed)
    missing = {name: declared.holes(array) for name, array in chunks.shared.items()}
    declared.check_holes(definition.name, {**missing, **survey.missing}, definition.latents)
    sample = BoundModel(definition, {**chunks.shared, **survey.sample}, options)
    starts = starting_params(sample, fitting.seed, fitting.starts)
    steps = distributed.DistributedSteps(
        chunks,
        survey,
        client,
        definition.e_step,
        definition.statistics,
        log_likelihood=sample.em_log_likelihood,
    )
    with progress.stage("EM", total=len(starts)) as bar:
        return distributed.fit(
            steps,
            definition.m_step,
            starts,
            stopping=fitting.stopping or em.Stopping(),
            accelerate=fitting.accelerate,
            on_start=lambda done, _: bar.update(done),
        )

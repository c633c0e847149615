"""``latentfit fit``: EM alone, from several starts."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from latentfit import em
from latentfit.declaration.definition import ModelDefinition
from latentfit.em import distributed
from latentfit.errors import InputError
from latentfit.progress import Progress
from latentfit.workflow._starts import starting_params
from latentfit.workflow.bound_model import BoundModel, bind
from latentfit.workflow.options import FitOptions, model_options, take

if TYPE_CHECKING:
    from latentfit.declaration import Params


def fit_model(
    definition: ModelDefinition,
    data: Any = None,
    *,
    columns: Sequence[str] = (),
    executor: Any = None,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> em.Fit:
    """Run EM alone. Does not import PyMC if the model file has ``initial``.

    Parameters
    ----------
    definition : ModelDefinition
    data : mapping or array_like, optional
        ``{argument: array}``, missing values as NaN or masked; the array itself if ``model``
        takes one. By default the example data. If the model has `statistics`, also data that are
        not in memory: Dask arrays, a Dask dataframe, or the path of a folder of Parquet files;
        the E steps then run on the workers that hold the data, see `latentfit.em.distributed`.
    columns : sequence of str
        Columns of a dataframe or of Parquet files for the arguments of ``model``, such as
        ``"x=eruptions,waiting"``, as ``--column`` on the command line.
    executor : Executor or Dask client, optional
        Where the starts run at the same time: a `concurrent.futures.Executor` or a Dask client. For
        data that are not in memory, the client to use, by default the current one.
    progress : Progress, optional
    options : mapping, optional
        Options of ``model``, such as ``{"components": 3}``.
    **settings
        Fields of `FitOptions`, and options of ``model`` whose names are not those of other
        arguments.

    Raises
    ------
    InputError, DeclarationError, StepError
    ClusterError
        Workers were lost; the error holds the last params and solutions of EM.
    """
    fitting = take(FitOptions, settings)
    chosen = model_options(settings, options)
    progress = progress or Progress(quiet=True)
    if distributed.is_distributed(data):
        from latentfit.workflow.fit_chunks import fit_chunks

        return fit_chunks(definition, data, fitting, chosen, columns, executor, progress)
    if columns:
        raise InputError("columns can only be chosen for a dataframe or for Parquet files")
    bound = bind(definition, data, chosen)
    starts = starting_params(bound, fitting.seed, fitting.runs)
    return run_em(
        bound, bound.step_data, starts, bound.em_log_likelihood, fitting, progress, executor
    )


def run_em(
    bound: BoundModel,
    data: Mapping[str, Any],
    starts: "list[Params]",
    objective: Callable[..., float] | None,
    fitting: FitOptions,
    progress: Progress,
    executor: Any = None,
) -> em.Fit:
    """Run EM from every start, with a progress bar over the starts.

    Parameters
    ----------
    bound : BoundModel
    data : mapping
        What the steps are given.
    starts : list of dict
    objective : callable or None
        EM's objective, ``objective(params, data)``.
    fitting : FitOptions
    progress : Progress
    executor : Executor or Dask client, optional
    """
    keep = fitting.starts
    short_runs = em.ShortRuns(keep) if keep < len(starts) else None
    total = len(starts) + (keep if short_runs else 0)
    with progress.stage("EM", total=total) as bar:
        return em.fit(
            bound.definition.e_step,
            bound.maximise,
            data,
            starts,
            log_likelihood=objective,
            stopping=fitting.stopping or em.Stopping(),
            accelerate=fitting.accelerate,
            on_start=lambda done, _: bar.update(done),
            executor=executor,
            short_runs=short_runs,
        )

"""``--bootstrap``: standard errors from EM on data sets drawn at its estimate."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit import em
from latentfit.declaration.definition import ModelDefinition
from latentfit.em import information
from latentfit.progress import Progress
from latentfit.workflow.bound_model import BoundModel, bind
from latentfit.workflow.draw import sampler_at
from latentfit.workflow.options import model_options

if TYPE_CHECKING:
    from latentfit.declaration import Params


def bootstrap_estimate(
    definition: ModelDefinition,
    params: Mapping[str, Any],
    data: Any = None,
    *,
    replicates: int = 200,
    seed: int | None = None,
    stopping: em.Stopping | None = None,
    executor: Any = None,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> information.Bootstrap:
    """Find standard errors by the parametric bootstrap (Efron & Tibshirani 1993, section 6.5).

    Parameters
    ----------
    definition : ModelDefinition
    params : mapping
        EM's estimate, such as ``fit().params``.
    data : mapping or array_like, optional
        As in `fit_model`.
    replicates : int
        Number of data sets, at least 2. The relative Monte Carlo error of a standard error is
        about 1 / √(2 · replicates).
    seed : int, optional
    stopping : Stopping, optional
        When EM stops; by default the defaults of `Stopping`.
    executor : Executor or Dask client, optional
        Where EM runs on the data sets, several at the same time. The data sets are drawn in this
        process, so that the result does not depend on the executor.
    progress : Progress, optional
    options : mapping, optional
        Options of ``model``.
    **settings
        Options of ``model`` whose names are not those of other arguments.

    Raises
    ------
    InputError, DeclarationError, StepError
    """
    bound = bind(definition, data, model_options(settings, options))
    return bootstrap_bound(
        bound,
        params,
        replicates=replicates,
        seed=seed,
        stopping=stopping,
        executor=executor,
        progress=progress or Progress(quiet=True),
    )


def bootstrap_bound(
    bound: BoundModel,
    params: Mapping[str, Any],
    *,
    replicates: int,
    seed: int | None,
    stopping: em.Stopping | None,
    progress: Progress,
    executor: Any = None,
) -> information.Bootstrap:
    """Draw data sets from a bound model at `params`, and run EM on each from `params`."""
    draw = sampler_at(bound, params)

    def simulate(_: "Params", rng: np.random.Generator) -> Mapping[str, Any]:
        (drawn,) = draw(1, rng)
        return bound.on(drawn).step_data

    def refit(drawn: Mapping[str, Any], start: "Params") -> em.Solution:
        return em.run(
            bound.definition.e_step,
            bound.maximise,
            drawn,
            start,
            log_likelihood=bound.em_log_likelihood,
            stopping=stopping or em.Stopping(),
        )

    with progress.stage("Bootstrap", total=replicates) as bar:
        return information.bootstrap(
            simulate,
            refit,
            params,
            replicates=replicates,
            seed=seed,
            on_replicate=lambda done, _: bar.update(done),
            executor=executor,
        )

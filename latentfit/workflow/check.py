"""``latentfit check``: is the derivation right, and if not, where."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from latentfit import check as checks
from latentfit import display, report
from latentfit.declaration.definition import ModelDefinition
from latentfit.errors import StepError
from latentfit.progress import Progress
from latentfit.supervision import limited
from latentfit.threads import one_thread
from latentfit.workflow._library_errors import library_errors_explained
from latentfit.workflow._starts import initial_params, random_params
from latentfit.workflow.bound_model import BoundModel, bind, declare
from latentfit.workflow.options import CheckOptions, model_options, take

if TYPE_CHECKING:
    from latentfit.declaration import Params

# Time for one call of a function that is not a step, if a step is given less: such a function is
# called a few times only, and may read data or compile.
_LEAST_LIMIT_S = 30.0

display.to_html.register(checks.CheckResult, report.check_fragment)


@one_thread
def check_derivation(
    definition: ModelDefinition,
    data: Any = None,
    *,
    against: checks.Reference | None = None,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> checks.CheckResult:
    """Find out whether E step and M step are the EM algorithm of the declaration.

    Parameters
    ----------
    definition : ModelDefinition
    data : mapping or array_like, optional
        As in `fit_model`.
    against : Reference, optional
        The result of `build_reference` on the same data, to check many derivations of one model.
    progress : Progress, optional
    options : mapping, optional
        Options of ``model``, such as ``{"components": 3}``.
    **settings
        Fields of `CheckOptions`, and options of ``model`` whose names are not those of other
        arguments.

    Raises
    ------
    InputError, DeclarationError, StepError
    """
    checking = take(CheckOptions, settings)
    definition = _with_time_limits(definition, max(checking.timeout, _LEAST_LIMIT_S))
    progress = progress or Progress(quiet=True)
    bound = bind(definition, data, model_options(settings, options))
    starts, problem = None, None
    try:
        starts = initial_params(bound, checking.seed, checking.starts)
    except StepError as error:
        problem = str(error)
    with library_errors_explained(bound):
        with progress.stage("Building the model"):
            against = against or checks.reference(bound.declaration)
        if not starts:
            starts = random_params(against.density.space, checking.seed, checking.starts)
        return checks.check(
            derivation_of(bound, starts, problem),
            against,
            seed=checking.seed,
            timeout=checking.timeout,
            paths=checking.paths,
            strict=checking.strict,
            progress=progress,
        )


def _with_time_limits(definition: ModelDefinition, seconds: float) -> ModelDefinition:
    """Limit the time of each call of the author's functions other than the steps."""
    names = ("model", "initial", "example_data", "to_model")
    functions = {name: getattr(definition, name) for name in names}
    expectations = {
        name: limited(function, seconds, f"expectations[{name!r}]")
        for name, function in definition.expectations.items()
    }
    limits: dict[str, Any] = {
        name: limited(function, seconds, name)
        for name, function in functions.items()
        if callable(function)
    }
    return replace(definition, expectations=expectations, **limits)


@one_thread
def build_reference(
    definition: ModelDefinition, data: Any = None, **options: Any
) -> checks.Reference:
    """Build what derivations are compared with, once for many derivations of one model.

    Parameters
    ----------
    definition : ModelDefinition
    data : mapping or array_like, optional
        As in `fit_model`.
    **options
        Options of ``model``.

    Raises
    ------
    InputError, DeclarationError
    """
    return checks.reference(declare(definition, data, **options))


def derivation_of(
    bound: BoundModel, starts: "list[Params]", problem: str | None = None
) -> checks.Derivation:
    """Collect the hand-written steps for the check.

    Parameters
    ----------
    bound : BoundModel
    starts : list of dict
        Trial points, values of θ.
    problem : str, optional
        Why ``initial`` gave no starts.
    """
    definition = bound.definition
    return checks.Derivation(
        definition.name,
        definition.objective,
        definition.e_step,
        bound.maximise,
        definition.log_likelihood,
        definition.expectations,
        bound.to_model,
        starts,
        problem,
    )

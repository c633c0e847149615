"""``latentfit check``: is the derivation right, and if not, where."""

from typing import TYPE_CHECKING, Any

from latentfit import check as checks
from latentfit import display, report
from latentfit.declaration.definition import ModelDefinition
from latentfit.errors import StepError
from latentfit.progress import Progress
from latentfit.threads import one_thread
from latentfit.workflow._starts import initial_params, random_params
from latentfit.workflow.bound_model import BoundModel, bind, declare
from latentfit.workflow.options import CheckOptions, take

if TYPE_CHECKING:
    from latentfit.declaration import Params

display.to_html.register(checks.CheckResult, report.check_fragment)


@one_thread
def check_derivation(
    definition: ModelDefinition,
    data: Any = None,
    *,
    against: checks.Reference | None = None,
    progress: Progress | None = None,
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
    **settings
        Fields of `CheckOptions`, and options of ``model``.

    Raises
    ------
    InputError, DeclarationError, StepError
    """
    checking = take(CheckOptions, settings)
    progress = progress or Progress(quiet=True)
    bound = bind(definition, data, settings)
    starts, problem = None, None
    try:
        starts = initial_params(bound, checking.seed, checking.starts)
    except StepError as error:
        problem = str(error)
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

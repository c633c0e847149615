"""``latentfit compare``: EM, MLE, MAP and posterior of one declaration, side by side."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from latentfit import agreement, bayes, display, report
from latentfit import check as checks
from latentfit import declaration as declared
from latentfit.declaration.definition import ModelDefinition
from latentfit.em import Fit, information
from latentfit.errors import InputError, LatentfitError, reason_of
from latentfit.progress import Progress
from latentfit.stages import Stages
from latentfit.threads import one_thread
from latentfit.workflow._assemble import assemble_comparison, package_versions
from latentfit.workflow._library_errors import explain, library_errors_explained
from latentfit.workflow._posterior import sample_posterior
from latentfit.workflow._starts import initial_params, random_params
from latentfit.workflow.bootstrap import bootstrap_bound
from latentfit.workflow.bound_model import BoundModel, bind
from latentfit.workflow.check import derivation_of
from latentfit.workflow.fit import run_em
from latentfit.workflow.options import (
    CheckOptions,
    FitOptions,
    SamplerOptions,
    model_options,
    take,
)

if TYPE_CHECKING:
    from latentfit.declaration import Params

display.to_html.register(agreement.Comparison, report.fragment)


@one_thread
def compare_estimates(
    definition: ModelDefinition,
    data: Any = None,
    *,
    check: bool = True,
    bootstrap: int = 0,
    profile: Sequence[str] = (),
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> agreement.Comparison:
    """Compare EM with PyMC's direct MLE, MAP and posterior of the same declaration.

    Parameters
    ----------
    definition : ModelDefinition
    data : mapping or array_like, optional
        As in `fit_model`.
    check : bool
        Whether to check the derivation first.
    bootstrap : int
        Replicates of a parametric bootstrap of EM, at least 2; 0 for none.
    profile : sequence of str
        Parameters for which profile likelihood intervals are computed: labels such as
        ``"mu[0]"``, or names for all their entries. Each takes hundreds of evaluations of the
        log-likelihood.
    progress : Progress, optional
    options : mapping, optional
        Options of ``model``, such as ``{"components": 3}``.
    **settings
        Fields of `FitOptions` (the seed determines everything that is random) and of
        `SamplerOptions`, and options of ``model`` whose names are not those of other arguments.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError, DeclarationError, StepError
    LatentfitError
        EM has no estimate: every solution is degenerate.
    """
    fitting, sampler = take(FitOptions, settings), take(SamplerOptions, settings)
    bayes.sampling.check_backend(sampler.backend)
    if bootstrap == 1 or bootstrap < 0:
        raise InputError(f"bootstrap takes at least 2 replicates, or 0 for none: {bootstrap}")
    seed = secrets.randbits(31) if fitting.seed is None else fitting.seed
    stages = Stages(progress or Progress(quiet=True))
    bound = bind(definition, data, model_options(settings, options))

    with library_errors_explained(bound):
        density, starts = _build(bound, seed, fitting.runs, stages)
        profiled = agreement.profile_labels(profile, density.space)
        with stages("complete_s", "Building the complete-data view"):
            reference = _reference(bound, density)
        result = _check(bound, reference, starts, seed, stages) if check else None

        fit = _fit(bound, density, starts, fitting, stages)
        replicates = _bootstrap(bound, fit, bootstrap, seed, fitting, stages) if bootstrap else None
        problem = _problem(bound, density, fit)
        with stages("errors_s", "Standard errors"):
            em = problem.locate(fit.best.params)
            alignment = agreement.align(problem.declaration, density, em, prior=problem.with_prior)
            complete = reference if isinstance(reference, str) else reference.complete
            uncertainty = agreement.estimate_uncertainty(
                problem, alignment.em, complete, replicates
            )

        maxima = agreement.find_maxima(problem, alignment, stages)
        posterior = sample_posterior(problem, alignment, maxima, sampler, seed, stages)
        if profiled:
            intervals = _profile_intervals(density, maxima, profiled, stages)
            uncertainty = uncertainty.with_intervals(intervals)

        with stages("verdicts_s", "Verdicts"):
            evidence = agreement.gather_evidence(
                problem, alignment, maxima, uncertainty, posterior.sampling, result
            )
            verdicts = agreement.all_verdicts(evidence)
    run = {
        "starts": fitting.starts,
        "short_runs": fitting.short_runs,
        **definition.options,
        **bound.options,
        **vars(sampler),
    }
    versions = package_versions(sampler.backend)
    return assemble_comparison(
        definition, evidence, verdicts, posterior, run, seed, stages, versions
    )


def _build(
    bound: BoundModel, seed: int, count: int, stages: Stages
) -> "tuple[bayes.Density, list[Params]]":
    """Build the observed view, and make the starts of EM."""
    # `initial` raises an error for data that cannot be used, before anything is built.
    starts = initial_params(bound, seed, count)
    with stages("build_s", "Building the model"):
        view = bayes.observed_view(bound.declaration)
        density = bayes.Density(view, declared.parameter_space(bound.declaration))
    if starts is None:
        starts = random_params(density.space, seed, count)
    # Raises an error if the names of the params are not those of the model's variables.
    first = density.space.locate(bound.to_model(starts[0]))
    checks.require_possible(bound.declaration, density, [first], seed)
    return density, starts


def _reference(bound: BoundModel, density: bayes.Density) -> checks.Reference | str:
    """Build what the derivation is compared with, or return why it cannot be built."""
    try:
        return checks.reference(bound.declaration, density)
    except Exception as error:  # the rest of the comparison does not depend on it
        return _message(bound, error)


def _check(
    bound: BoundModel,
    reference: checks.Reference | str,
    starts: "list[Params]",
    seed: int,
    stages: Stages,
) -> checks.CheckResult | str:
    """Check the derivation, or return why it could not be checked."""
    options = CheckOptions(seed=seed)
    with stages.timed("check_s"):
        if isinstance(reference, str):
            return reference
        try:
            return checks.check(
                derivation_of(bound, starts[: options.starts]),
                reference,
                seed=options.seed,
                timeout=options.timeout,
                paths=options.paths,
                progress=stages.progress,
            )
        except Exception as error:  # the rest of the comparison does not depend on it
            return _message(bound, error)


def _fit(
    bound: BoundModel,
    density: bayes.Density,
    starts: "list[Params]",
    fitting: FitOptions,
    stages: Stages,
) -> Fit:
    """Run EM, which must have an estimate."""
    with stages.timed("em_s"):
        objective = _objective(bound, density)
        fit = run_em(bound, bound.declaration.data, starts, objective, fitting, stages.progress)
    if fit.best.stop.degenerate:
        number = len(fit.solutions)
        raise LatentfitError(
            f"EM has no estimate to compare, from {number} start{'s' if number > 1 else ''}: "
            f"{fit.best.message}"
        )
    return fit


def _objective(bound: BoundModel, density: bayes.Density) -> "Callable[..., float]":
    """Return EM's objective as a function of EM's own params and the data."""
    if bound.em_log_likelihood is not None:
        return bound.em_log_likelihood
    posterior = bound.definition.objective == "posterior"

    def objective(params: "Params", data: Any) -> float:
        point = density.space.locate(bound.to_model(params))
        # EM would otherwise report an error of PyMC as one of the author's `log_likelihood`.
        with library_errors_explained(bound):
            return density.objective(point, prior=posterior)

    return objective


def _bootstrap(
    bound: BoundModel,
    fit: Fit,
    replicates: int,
    seed: int,
    fitting: FitOptions,
    stages: Stages,
) -> information.Bootstrap:
    """Run EM on data sets that are drawn at EM's estimate."""
    with stages.timed("bootstrap_s"):
        return bootstrap_bound(
            bound,
            fit.params,
            replicates=replicates,
            seed=seed,
            stopping=fitting.stopping,
            progress=stages.progress,
        )


def _problem(bound: BoundModel, density: bayes.Density, fit: Fit) -> agreement.Problem:
    """Collect what is compared."""
    data = bound.declaration.data
    return agreement.Problem(
        bound.declaration,
        density,
        fit,
        bound.definition.objective,
        bound.to_model,
        information.em_map(bound.definition.e_step, bound.maximise, data),
    )


def _profile_intervals(
    density: bayes.Density, maxima: agreement.Maxima, labels: Sequence[str], stages: Stages
) -> Sequence[information.ProfileInterval]:
    """Compute profile likelihood intervals."""
    with stages("profile_s", "Profile likelihood", len(labels)) as bar:
        return bayes.information.profile_intervals(
            density,
            maxima.mle.unconstrained,
            labels,
            on_interval=lambda done, _: bar.update(done),
        )


def _message(bound: BoundModel, error: Exception) -> str:
    return explain(bound, error) or reason_of(error)

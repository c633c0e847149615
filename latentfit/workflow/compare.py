"""``latentfit compare``: EM, MLE, MAP and posterior of one declaration, side by side."""

import platform
import secrets
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from latentfit import agreement, bayes, display, report
from latentfit import check as checks
from latentfit import declaration as declared
from latentfit.agreement import tree
from latentfit.declaration.definition import ModelDefinition
from latentfit.em import information
from latentfit.errors import InputError, LatentfitError
from latentfit.progress import Progress
from latentfit.stages import Stages
from latentfit.threads import one_thread
from latentfit.workflow._starts import initial_params, random_params
from latentfit.workflow.bootstrap import bootstrap_bound
from latentfit.workflow.bound_model import BoundModel, bind
from latentfit.workflow.check import derivation_of
from latentfit.workflow.fit import run_em
from latentfit.workflow.options import CheckOptions, FitOptions, SamplerOptions, take

if TYPE_CHECKING:
    from collections.abc import Callable

    from latentfit.declaration import Params

display.to_html.register(agreement.Comparison, report.fragment)

_PACKAGES = ("latentfit", "numpy", "scipy", "pymc", "pymc-extras", "pytensor", "nutpie", "arviz")
_BACKEND_PACKAGES = {"numba": ("numba",), "jax": ("jax",), "c": ()}
_PREDICTIVE_REPLICATES = 500


@one_thread
def compare_estimates(
    definition: ModelDefinition,
    data: Any = None,
    *,
    check: bool = True,
    bootstrap: int = 0,
    profile: Sequence[str] = (),
    progress: Progress | None = None,
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
    **settings
        Fields of `FitOptions` (the seed determines everything that is random) and of
        `SamplerOptions`, and options of ``model``.

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
    bayes.available(sampler.backend)
    if bootstrap == 1 or bootstrap < 0:
        raise InputError(f"bootstrap takes at least 2 replicates, or 0 for none: {bootstrap}")
    seed = secrets.randbits(31) if fitting.seed is None else fitting.seed
    stages = Stages(progress or Progress(quiet=True))
    bound = bind(definition, data, settings)

    # `initial` refuses data that cannot be used before anything is built.
    starts = initial_params(bound, seed, fitting.runs)
    with stages("build_s", "Building the model"):
        density = bayes.Density(
            bayes.observed_view(bound.declaration), declared.space(bound.declaration)
        )
    if starts is None:
        starts = random_params(density.space, seed, fitting.runs)
    density.space.locate(bound.to_model(starts[0]))
    profiled = agreement.profile_labels(profile, density.space)
    with stages("complete_s", "Building the complete-data view"):
        reference = _reference(bound, density)

    result = None
    if check:
        with stages.timed("check_s"):
            result = _check(bound, reference, starts, seed, stages.progress)

    with stages.timed("em_s"):
        objective = _objective(bound, density)
        em_data = bound.declaration.data
        fit = run_em(bound, em_data, starts, objective, fitting, stages.progress)
    replicates = None
    if bootstrap and not fit.best.stop.degenerate:
        with stages.timed("bootstrap_s"):
            replicates = bootstrap_bound(
                bound,
                fit.params,
                replicates=bootstrap,
                seed=seed,
                stopping=fitting.stopping,
                progress=stages.progress,
            )
    if fit.best.stop.degenerate:
        number = len(fit.solutions)
        raise LatentfitError(
            f"EM has no estimate to compare, from {number} start{'s' if number > 1 else ''}: "
            f"{fit.best.message}"
        )

    problem = agreement.Problem(
        bound.declaration,
        density,
        fit,
        definition.objective,
        bound.to_model,
        information.em_map(definition.e_step, bound.maximise, em_data),
    )
    with stages("errors_s", "Standard errors"):
        alignment = agreement.align(
            problem.declaration,
            density,
            problem.locate(fit.best.params),
            prior=problem.with_prior,
        )
        complete = reference if isinstance(reference, str) else reference.complete
        uncertainty = agreement.estimate_uncertainty(problem, alignment.em, complete, replicates)
    maxima = agreement.find_maxima(problem, alignment, stages)

    nuts_seed, recover_seed, predict_seed = (
        int(s) for s in np.random.SeedSequence(seed).generate_state(3)
    )
    sampled, sampling = _sample(problem, alignment, maxima, sampler, nuts_seed, stages)
    with stages("latents_s", "Recovering the latents"):
        stacked = tree.stacked(sampling.posterior)
        try:
            recovered = bayes.recover(problem.declaration, density.view, stacked, recover_seed)
        except NotImplementedError:
            # Their conditional distribution is not known: the report leaves them out.
            recovered = {}
        pointwise = _pointwise(density, stacked)
    with stages("predictive_s", "Posterior predictive"):
        replicated = bayes.posterior_predictive(
            density.view,
            sampling.posterior,
            replicates=_PREDICTIVE_REPLICATES,
            seed=predict_seed,
        )
    if profiled:
        with stages("profile_s", "Profile likelihood", len(profiled)) as bar:
            uncertainty = uncertainty.with_intervals(
                bayes.profile_intervals(
                    density,
                    maxima.mle.unconstrained,
                    profiled,
                    on_interval=lambda done, _: bar.update(done),
                )
            )

    with stages("verdicts_s", "Verdicts"):
        evidence = agreement.gather_evidence(
            problem, alignment, maxima, uncertainty, sampling, result
        )
        verdicts = agreement.all_verdicts(evidence)
    expectations = alignment.expectations(fit.best.expectations)
    latents = [
        agreement.compare_latent(name, expectations[name], recovered[name])
        for name in problem.declaration.latents
        if name in expectations and name in recovered
    ]
    log_likelihood = {
        key: density.log_likelihood(point.unconstrained)[0]
        for key, point in maxima.estimates.items()
    }
    names = evidence.judged.names
    return agreement.Comparison(
        name=definition.name,
        title=definition.title or definition.name,
        derivation=definition.derivation,
        objective=definition.objective,
        parameters=evidence.parameters,
        latents=tuple(latent for latent in latents if latent is not None),
        log_likelihood=log_likelihood,
        verdicts=verdicts,
        agree=agreement.agreement(verdicts),
        optima=evidence.optima,
        uncertainty=evidence.uncertainty,
        joint_mode=maxima.joint_mode,
        dimension=density.space.size,
        fit=fit,
        timings=stages.seconds,
        versions=_versions(sampler.backend),
        settings={
            "starts": fitting.starts,
            "short_runs": fitting.short_runs,
            **definition.options,
            **bound.options,
            **vars(sampler),
        },
        seed=seed,
        published=tuple(definition.published),
        model=problem.declaration.model,
        latent_names=problem.declaration.latents,
        check=None if isinstance(result, str) else result,
        tree=tree.assemble_tree(
            problem,
            sampling.posterior,
            sampled["sample_stats"].to_dataset(),
            recovered,
            pointwise,
            replicated,
            {
                key: agreement.select_names(point.natural, names)
                for key, point in maxima.estimates.items()
            },
            agreement.select_names(alignment.errors, names),
            log_likelihood,
        ),
    )


def _reference(bound: BoundModel, density: bayes.Density) -> checks.Reference | str:
    """Build what the derivation is checked against, or say why it cannot be built."""
    try:
        return checks.reference(bound.declaration, density)
    except Exception as error:  # the rest of the comparison does not depend on it
        return _message(error)


def _check(
    bound: BoundModel,
    reference: checks.Reference | str,
    starts: "list[Params]",
    seed: int,
    progress: Progress,
) -> checks.CheckResult | str:
    """Check the derivation, or say why it could not be checked."""
    if isinstance(reference, str):
        return reference
    options = CheckOptions(seed=seed)
    try:
        return checks.check(
            derivation_of(bound, starts[: options.starts]),
            reference,
            seed=options.seed,
            timeout=options.timeout,
            paths=options.paths,
            progress=progress,
        )
    except Exception as error:  # the rest of the comparison does not depend on it
        return _message(error)


def _objective(bound: BoundModel, density: bayes.Density) -> "Callable[..., float]":
    """What EM never decreases, as a function of EM's own params and the data."""
    if bound.em_log_likelihood is not None:
        return bound.em_log_likelihood
    posterior = bound.definition.objective == "posterior"

    def objective(params: "Params", data: Any) -> float:
        point = density.space.locate(bound.to_model(params))
        return density.objective(point, prior=posterior)

    return objective


def _sample(
    problem: agreement.Problem,
    alignment: agreement.Alignment,
    maxima: agreement.Maxima,
    sampler: SamplerOptions,
    seed: int,
    stages: Stages,
) -> tuple[xr.DataTree, agreement.Sampling]:
    """Sample the posterior of the parameters, the latents marginalised."""
    with stages("compile_s", "Compiling for NUTS"):
        reduced = bayes.coarser(
            problem.declaration, problem.density, maxima.posterior_maximum.point
        )
        view = problem.density.view if reduced is None else reduced.view
        prepared = bayes.prepare(view, backend=sampler.backend)
    total = sampler.chains * (sampler.draws + sampler.tune)
    with stages("posterior_s", f"NUTS, {sampler.chains} chains", total) as bar:
        sampled = bayes.sample(
            prepared,
            draws=sampler.draws,
            tune=sampler.tune,
            chains=sampler.chains,
            seed=seed,
            advance=bar.update,
        )
    sampling = agreement.Sampling(
        alignment.draws(sampled["posterior"].to_dataset()),
        int(sampled["sample_stats"]["diverging"].sum()),
        sampler.chains * sampler.draws,
        sampler.chains,
        reduced,
    )
    return sampled, sampling


def _pointwise(density: bayes.Density, stacked: xr.Dataset) -> Mapping[str, np.ndarray]:
    """Pointwise log-likelihoods of every draw; none if there are too many numbers."""
    observed = sum(density.view.rvs_to_values[v].size.eval() for v in density.view.observed_RVs)
    if observed * stacked.sizes["sample"] > tree.MAX_NUMBERS:
        return {}
    return bayes.pointwise_log_likelihood(density.view, stacked)


def _versions(backend: str) -> dict[str, str]:
    packages = (*_PACKAGES, *_BACKEND_PACKAGES[backend])
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

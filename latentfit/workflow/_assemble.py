"""The result of a comparison, assembled from the results of its stages."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from latentfit import agreement
from latentfit.agreement.tree import assemble_tree
from latentfit.declaration.definition import ModelDefinition
from latentfit.stages import Stages
from latentfit.workflow._posterior import PosteriorResults

_PACKAGES = ("latentfit", "numpy", "scipy", "pymc", "pymc-extras", "pytensor", "nutpie", "arviz")
_BACKEND_PACKAGES = {"numba": ("numba",), "jax": ("jax",), "c": ()}


def assemble_comparison(
    definition: ModelDefinition,
    evidence: agreement.Evidence,
    verdicts: Sequence[agreement.Verdict],
    posterior: PosteriorResults,
    settings: dict[str, Any],
    seed: int,
    stages: Stages,
    versions: dict[str, str],
) -> agreement.Comparison:
    """Put the results of all stages of a comparison into one object.

    Parameters
    ----------
    definition : ModelDefinition
    evidence : Evidence
    verdicts : sequence of Verdict
    posterior : PosteriorResults
    settings : dict
        Settings of EM and of the sampler, and options of the model.
    seed : int
    stages : Stages
        Holds the durations.
    versions : dict
        As `package_versions` returns it.
    """
    problem, alignment, maxima = evidence.problem, evidence.alignment, evidence.maxima
    log_likelihood = {
        key: problem.density.log_likelihood(point.unconstrained)[0]
        for key, point in maxima.estimates.items()
    }
    names = evidence.judged.names
    tree = assemble_tree(
        problem,
        posterior.sampling.posterior,
        posterior.sample_stats,
        posterior.recovered,
        posterior.pointwise,
        posterior.replicated,
        {
            key: agreement.select_names(point.natural, names)
            for key, point in maxima.estimates.items()
        },
        agreement.select_names(alignment.errors, names),
        log_likelihood,
    )
    return agreement.Comparison(
        name=definition.name,
        title=definition.title or definition.name,
        derivation=definition.derivation,
        objective=definition.objective,
        parameters=evidence.parameters,
        latents=_latents(problem, alignment, posterior),
        log_likelihood=log_likelihood,
        verdicts=tuple(verdicts),
        agree=agreement.agreement(verdicts),
        optima=evidence.optima,
        uncertainty=evidence.uncertainty,
        joint_mode=maxima.joint_mode,
        dimension=problem.density.space.size,
        fit=problem.fit,
        timings=stages.seconds,
        versions=versions,
        settings=settings,
        seed=seed,
        published=tuple(definition.published),
        model=problem.declaration.model,
        latent_names=problem.declaration.latents,
        check=None if isinstance(evidence.check, str) else evidence.check,
        tree=tree,
    )


def _latents(
    problem: agreement.Problem, alignment: agreement.Alignment, posterior: PosteriorResults
) -> tuple[agreement.Latent, ...]:
    """Compare EM's expectations with the posterior, for each latent that has both."""
    expectations = alignment.align_expectations(problem.fit.best.expectations)
    compared = (
        agreement.compare_latent(name, expectations[name], posterior.recovered[name])
        for name in problem.declaration.latents
        if name in expectations and name in posterior.recovered
    )
    return tuple(latent for latent in compared if latent is not None)


def package_versions(backend: str) -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    packages = (*_PACKAGES, *_BACKEND_PACKAGES[backend])
    return {"python": platform.python_version()} | {name: version(name) for name in packages}

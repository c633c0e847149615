"""EM beside what PyMC says of the same declaration."""

import platform
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from latentfit import bayes
from latentfit.agreement import _figures, _tree, _verdicts
from latentfit.agreement._alignment import Alignment, align
from latentfit.agreement._comparison import Comparison
from latentfit.agreement._judge import judge, only
from latentfit.agreement._maxima import find_maxima
from latentfit.agreement._stages import Stages
from latentfit.agreement._subject import Subject
from latentfit.agreement._uncertainty import Uncertainty, uncertainty
from latentfit.bayes import Backend, CompleteData, Density
from latentfit.declaration import Declaration, Params
from latentfit.em import Fit
from latentfit.em.information import Bootstrap
from latentfit.errors import LatentfitError

if TYPE_CHECKING:
    from latentfit.check import CheckResult

_PACKAGES = ("latentfit", "numpy", "scipy", "pymc", "pymc-extras", "pytensor", "nutpie", "arviz")
_MADE_BY: dict[Backend, tuple[str, ...]] = {"numba": ("numba",), "jax": ("jax",), "c": ()}
_REPLICATES = 500


def compare(
    subject: Subject,
    declaration: Declaration,
    density: Density,
    fit: Fit,
    *,
    draws: int,
    tune: int,
    chains: int,
    backend: Backend,
    seed: int,
    settings: Mapping[str, Any],
    stage: Stages,
    complete: CompleteData | str,
    check: "CheckResult | str | None" = None,
    bootstrap: Bootstrap | None = None,
    profile: Sequence[str] = (),
) -> Comparison:
    """Estimate, sample, align, and judge.

    Parameters
    ----------
    subject : Subject
    declaration : Declaration
    density : Density
        Of that declaration.
    fit : Fit
        EM on the same data.
    draws, tune, chains, seed : int
        For NUTS; all other randomness follows from `seed` too.
    backend : {"numba", "jax", "c"}
        What compiles the log-density for it.
    settings : mapping
        Of what came before, passed on.
    stage : Stages
        Those that came before, to which are added what is done here.
    complete : CompleteData or str
        The complete-data view, or why there is none.
    check : CheckResult or str, optional
        What the check of the derivation found, or why it could not be done.
    bootstrap : Bootstrap, optional
        From data sets drawn at EM's estimate.
    profile : sequence of str
        Labels of the parameters for which profile likelihood intervals are wanted.

    Raises
    ------
    LatentfitError
        EM ended nowhere: there is no estimate to compare.
    """
    if fit.best.stop.degenerate:
        raise LatentfitError(
            f"EM has no estimate to compare, from {len(fit.solutions)} "
            f"start{'s' if len(fit.solutions) > 1 else ''}: {fit.best.message}"
        )
    nuts_seed, recover_seed, predict_seed = (
        int(s) for s in np.random.SeedSequence(seed).generate_state(3)
    )
    with stage("errors_s", "Standard errors"):
        aligned, unsure = _at_rest(subject, declaration, density, fit, complete, bootstrap)
    maxima = find_maxima(subject, declaration, density, fit, aligned, stage)
    with stage("compile_s", "Compiling for NUTS"):
        coarser = bayes.coarser(declaration, density, maxima.top.point)
        drawn = density.view if coarser is None else coarser.view
        prepared = bayes.prepare(drawn, backend=backend)
    total = chains * (draws + tune)
    with stage("posterior_s", f"NUTS, {chains} chains", total) as bar:
        sampled = bayes.sample(
            prepared, draws=draws, tune=tune, chains=chains, seed=nuts_seed, advance=bar.update
        )
    posterior = aligned.draws(sampled["posterior"].to_dataset())
    with stage("latents_s", "Recovering the latents"):
        stacked = _tree.stacked(posterior)
        try:
            recovered = bayes.recover(declaration, density.view, stacked, recover_seed)
        except NotImplementedError:
            # Their conditional distribution has no name: they are left out of the report.
            recovered = {}
        pointwise = _pointwise(density, stacked)
    with stage("predictive_s", "Posterior predictive"):
        replicated = bayes.posterior_predictive(
            density.view, posterior, replicates=_REPLICATES, seed=predict_seed
        )
    if profile:
        with stage("profile_s", "Profile likelihood", len(profile)) as bar:
            unsure = unsure.with_intervals(
                bayes.profile_intervals(
                    density,
                    maxima.mle.unconstrained,
                    profile,
                    on_interval=lambda done, _: bar.update(done),
                )
            )
    divergences = int(sampled["sample_stats"]["diverging"].sum())
    with stage("verdicts_s", "Verdicts"):
        judged = judge(
            subject,
            declaration,
            density,
            fit,
            aligned,
            maxima,
            unsure,
            posterior,
            check,
            partial(_verdicts.chains, divergences=divergences, draws=chains * draws, count=chains),
            coarser,
        )
    expectations = aligned.expectations(fit.best.expectations)
    latents = [
        _figures.latent(name, expectations[name], recovered[name])
        for name in declaration.latents
        if name in expectations and name in recovered
    ]
    heights = {
        key: density.log_likelihood(where.unconstrained)[0]
        for key, where in maxima.estimates.items()
    }
    return Comparison(
        name=subject.name,
        title=subject.title,
        derivation=subject.derivation,
        objective=subject.objective,
        parameters=judged.rows,
        latents=tuple(latent for latent in latents if latent is not None),
        log_likelihood=heights,
        verdicts=judged.verdicts,
        agree=_verdicts.agreement(judged.verdicts),
        optima=judged.optima,
        uncertainty=judged.unsure,
        joint_mode=maxima.trap,
        dimension=density.space.size,
        fit=fit,
        timings=stage.seconds,
        versions={"python": platform.python_version()}
        | {p: version(p) for p in (*_PACKAGES, *_MADE_BY[backend])},
        settings={
            **settings,
            "draws": draws,
            "tune": tune,
            "chains": chains,
            "backend": backend,
        },
        seed=seed,
        published=subject.published,
        model=declaration.model,
        latent_names=declaration.latents,
        check=None if isinstance(check, str) else check,
        tree=_assembled(
            declaration,
            density.view,
            posterior,
            sampled,
            recovered,
            pointwise,
            replicated,
            {key: only(where.natural, judged.names) for key, where in maxima.estimates.items()},
            only(aligned.errors, judged.names),
            heights,
        ),
    )


def _at_rest(
    subject: Subject,
    declaration: Declaration,
    density: Density,
    fit: Fit,
    complete: CompleteData | str,
    bootstrap: Bootstrap | None,
) -> tuple[Alignment, Uncertainty]:
    """EM's estimate as the reference for all else, and how uncertain it is."""
    prior = subject.objective == "posterior"
    end = density.space.locate(subject.to_model(fit.best.params))
    aligned = align(declaration, density, end, prior=prior)
    em = aligned.em
    unsure = uncertainty(
        density,
        complete,
        subject.em_map,
        {name: em.natural.get(name, value) for name, value in fit.best.params.items()},
        em.unconstrained,
        to_model=subject.to_model,
        prior=prior,
        run_rate=fit.best.rate,
        bootstrap=bootstrap,
    )
    return aligned, unsure


def _pointwise(density: Density, stacked: xr.Dataset) -> dict[str, np.ndarray]:
    observed = sum(density.view.rvs_to_values[v].size.eval() for v in density.view.observed_RVs)
    if observed * stacked.sizes["sample"] > _tree.LARGEST:
        return {}
    return bayes.pointwise_log_likelihood(density.view, stacked)


def _assembled(
    declaration: Declaration,
    view: Any,
    posterior: xr.Dataset,
    sampled: xr.DataTree,
    recovered: Mapping[str, bayes.Recovered],
    pointwise: Mapping[str, np.ndarray],
    replicated: xr.Dataset,
    estimates: Mapping[str, Params],
    errors: Params,
    heights: Mapping[str, float],
) -> xr.DataTree:
    model = declaration.model
    latents = {name: latent.draws for name, latent in recovered.items()}
    if _tree.fits(latents):
        posterior = posterior.assign(_tree.draws_of(model, latents, posterior))
    groups = {
        "posterior": posterior,
        "sample_stats": sampled["sample_stats"].to_dataset(),
        "posterior_predictive": replicated,
        "observed_data": _tree.observed(view),
    }
    if pointwise:
        groups["log_likelihood"] = posterior[[]].assign(_tree.draws_of(model, pointwise, posterior))
    for key, values in estimates.items():
        groups[key] = _tree.estimate(values, posterior, log_likelihood=heights[key])
    groups["em/standard_error"] = _tree.estimate(errors, posterior)
    return xr.DataTree.from_dict(groups)

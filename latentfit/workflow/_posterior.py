"""Posterior draws for a comparison, and what is computed from each of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from latentfit import agreement, bayes
from latentfit.agreement.tree import MAX_NUMBERS, stack_draws
from latentfit.stages import Stages
from latentfit.workflow.options import SamplerOptions

_PREDICTIVE_REPLICATES = 500


@dataclass(frozen=True)
class PosteriorResults:
    """Posterior draws, and what is computed from each of them.

    Attributes
    ----------
    sampling : Sampling
        The draws of the parameters, and what the sampler reported.
    sample_stats : Dataset
        The statistics that the sampler recorded for each draw.
    recovered : dict
        ``{latent: Recovered}``; empty if the conditional distribution of the latents is unknown.
    pointwise : dict
        Pointwise log-likelihoods, ``{observed variable: (sample, *shape)}``; empty if there are too
        many numbers.
    replicated : Dataset
        Posterior predictive data.
    """

    sampling: agreement.Sampling
    sample_stats: xr.Dataset
    recovered: Mapping[str, bayes.Recovered]
    pointwise: Mapping[str, np.ndarray]
    replicated: xr.Dataset


def sample_posterior(
    problem: agreement.Problem,
    alignment: agreement.Alignment,
    maxima: agreement.Maxima,
    sampler: SamplerOptions,
    seed: int,
    stages: Stages,
) -> PosteriorResults:
    """Sample the posterior of the parameters, and recover latents and replicated data.

    Parameters
    ----------
    problem : Problem
    alignment : Alignment
    maxima : Maxima
    sampler : SamplerOptions
    seed : int
        Determines all draws.
    stages : Stages
        Records the stages ``compile_s``, ``posterior_s``, ``latents_s`` and ``predictive_s``.
    """
    nuts_seed, recover_seed, predict_seed = (
        int(s) for s in np.random.SeedSequence(seed).generate_state(3)
    )
    view = problem.density.view
    sampled, sampling = _sample(problem, alignment, maxima, sampler, nuts_seed, stages)
    with stages("latents_s", "Recovering the latents"):
        stacked = stack_draws(sampling.posterior)
        try:
            recovered = bayes.recover(problem.declaration, view, stacked, recover_seed)
        except NotImplementedError:
            # The conditional distribution of the latents is unknown: the report leaves them out.
            recovered = {}
        pointwise = _pointwise(problem.density, stacked)
    with stages("predictive_s", "Posterior predictive"):
        replicated = bayes.posterior_predictive(
            view, sampling.posterior, replicates=_PREDICTIVE_REPLICATES, seed=predict_seed
        )
    stats = sampled["sample_stats"].to_dataset()
    return PosteriorResults(sampling, stats, recovered, pointwise, replicated)


def _sample(
    problem: agreement.Problem,
    alignment: agreement.Alignment,
    maxima: agreement.Maxima,
    sampler: SamplerOptions,
    seed: int,
    stages: Stages,
) -> tuple[xr.DataTree, agreement.Sampling]:
    """Draw the parameters with NUTS, with the latents marginalised."""
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
        alignment.align_draws(sampled["posterior"].to_dataset()),
        int(sampled["sample_stats"]["diverging"].sum()),
        sampler.chains * sampler.draws,
        sampler.chains,
        reduced,
    )
    return sampled, sampling


def _pointwise(density: bayes.Density, stacked: xr.Dataset) -> Mapping[str, np.ndarray]:
    """Compute pointwise log-likelihoods of every draw; none if there are too many numbers."""
    observed = sum(density.view.rvs_to_values[v].size.eval() for v in density.view.observed_RVs)
    if observed * stacked.sizes["sample"] > MAX_NUMBERS:
        return {}
    return bayes.pointwise_log_likelihood(density.view, stacked)

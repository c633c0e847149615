"""The draws, data and estimates of a comparison as one ArviZ DataTree."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from latentfit.agreement.problem import Problem
from latentfit.bayes.sampling import RecoveredLatent

Values = Mapping[str, np.ndarray]

# Numbers in one group of the file. Larger groups (pointwise log-likelihoods, latents of every draw)
# are left out: the file would have hundreds of megabytes.
MAX_NUMBERS = 20_000_000


def stack_draws(posterior: xr.Dataset) -> xr.Dataset:
    """Join the chains into one dimension ``sample``, which is first in every variable."""
    return posterior.stack(sample=("chain", "draw")).transpose("sample", ...)


def unstack_draws(values: np.ndarray, posterior: xr.Dataset) -> np.ndarray:
    """Reshape an array from (sample, *shape) to (chain, draw, *shape), see `stack_draws`."""
    sizes = posterior.sizes
    return values.reshape((sizes["chain"], sizes["draw"], *values.shape[1:]))


def assemble_tree(
    problem: Problem,
    posterior: xr.Dataset,
    sample_stats: xr.Dataset,
    recovered: Mapping[str, RecoveredLatent],
    pointwise: Values,
    replicated: xr.Dataset,
    estimates: Mapping[str, Values],
    errors: Values,
    log_likelihood: Mapping[str, float],
) -> xr.DataTree:
    """Put draws, data and estimates into one ArviZ DataTree.

    Parameters
    ----------
    problem : Problem
    posterior, sample_stats : Dataset
        Aligned draws of the parameters, and the statistics that the sampler recorded.
    recovered : mapping
        ``{latent: RecoveredLatent}``. Draws of latents are left out if they are too large.
    pointwise : mapping
        Pointwise log-likelihoods of every draw, ``{observed variable: (sample, *shape)}``.
    replicated : Dataset
        Posterior predictive data.
    estimates : mapping
        ``{key: {name: array}}`` for the keys ``em``, ``mle`` and ``map``.
    errors : mapping
        Standard errors of EM's estimate.
    log_likelihood : mapping
        ``{key: number}`` at the estimates.
    """
    model = problem.declaration.model
    latents = {name: latent.draws for name, latent in recovered.items()}
    if sum(array.size for array in latents.values()) <= MAX_NUMBERS:
        posterior = posterior.assign(_draw_variables(model, latents, posterior))
    groups = {
        "posterior": posterior,
        "sample_stats": sample_stats,
        "posterior_predictive": replicated,
        "observed_data": _observed_data(problem.density.view),
    }
    if pointwise:
        groups["log_likelihood"] = posterior[[]].assign(
            _draw_variables(model, pointwise, posterior)
        )
    for key, values in estimates.items():
        groups[key] = _estimate(values, posterior, log_likelihood=log_likelihood[key])
    groups["em/standard_error"] = _estimate(errors, posterior)
    return xr.DataTree.from_dict(groups)


def _dimension_names(model: pm.Model, name: str, ndim: int) -> tuple[str, ...]:
    """Return the dimension names with which a variable was declared, or ArviZ's default names."""
    declared = model.named_vars_to_dims.get(name) or ()
    # The pointwise log-likelihood of a dependent sequence has fewer dimensions than the sequence.
    if len(declared) != ndim:
        declared = (None,) * ndim
    return tuple(dim or f"{name}_dim_{axis}" for axis, dim in enumerate(declared))


def _draw_variables(
    model: pm.Model, values: Values, posterior: xr.Dataset
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Convert arrays of shape (sample, *shape) to variables of a Dataset like `posterior`."""
    return {
        name: (
            ("chain", "draw", *_dimension_names(model, name, array.ndim - 1)),
            unstack_draws(array, posterior),
        )
        for name, array in values.items()
    }


def _estimate(values: Values, posterior: xr.Dataset, **attributes: Any) -> xr.Dataset:
    """Convert a point estimate to a Dataset with the dimensions of the posterior."""
    variables = {name: (posterior[name].dims[2:], value) for name, value in values.items()}
    used = {dim for names, _ in variables.values() for dim in names}
    coords = {dim: posterior.coords[dim] for dim in used if dim in posterior.coords}
    return xr.Dataset(variables, coords=coords, attrs=attributes)


def _observed_data(model: pm.Model) -> xr.Dataset:
    values = {
        variable.name: np.asarray(model.rvs_to_values[variable].eval())
        for variable in model.observed_RVs
    }
    return xr.Dataset(
        {name: (_dimension_names(model, name, value.ndim), value) for name, value in values.items()}
    )

"""The comparison's arrays as one ArviZ DataTree."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from latentfit.agreement.problem import Problem
from latentfit.bayes import Recovered

Values = Mapping[str, np.ndarray]

# Numbers in one group of the file. Larger groups (pointwise log-likelihoods, latents of every draw)
# are left out: the file would have hundreds of megabytes.
MAX_NUMBERS = 20_000_000


def stacked(posterior: xr.Dataset) -> xr.Dataset:
    """Chains end to end: one dimension ``sample``, first in every variable."""
    return posterior.stack(sample=("chain", "draw")).transpose("sample", ...)


def unstacked(values: np.ndarray, posterior: xr.Dataset) -> np.ndarray:
    """The inverse of `stacked` for one array: ``(sample, *shape)`` to ``(chain, draw, *shape)``."""
    sizes = posterior.sizes
    return values.reshape((sizes["chain"], sizes["draw"], *values.shape[1:]))


def dims(model: pm.Model, name: str, ndim: int) -> tuple[str, ...]:
    """Dimension names of a variable: those it was declared with, else ArviZ' default.

    The log-likelihood of a sequence whose terms depend on one another has fewer.
    """
    declared = model.named_vars_to_dims.get(name) or ()
    if len(declared) != ndim:
        declared = (None,) * ndim
    return tuple(dim or f"{name}_dim_{axis}" for axis, dim in enumerate(declared))


def draws_of(
    model: pm.Model, values: Values, posterior: xr.Dataset
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Variables of ``(sample, *shape)`` as entries of a Dataset beside `posterior`."""
    return {
        name: (("chain", "draw", *dims(model, name, array.ndim - 1)), unstacked(array, posterior))
        for name, array in values.items()
    }


def fits(values: Values) -> bool:
    """Whether these arrays are small enough to be kept."""
    return sum(array.size for array in values.values()) <= MAX_NUMBERS


def estimate(values: Values, posterior: xr.Dataset, **attributes: Any) -> xr.Dataset:
    """A point estimate as a Dataset with the dimensions that the posterior has."""
    variables = {name: (posterior[name].dims[2:], value) for name, value in values.items()}
    used = {dim for names, _ in variables.values() for dim in names}
    coords = {dim: posterior.coords[dim] for dim in used if dim in posterior.coords}
    return xr.Dataset(variables, coords=coords, attrs=attributes)


def observed(model: pm.Model) -> xr.Dataset:
    """The observed variables of a model."""
    values = {
        variable.name: np.asarray(model.rvs_to_values[variable].eval())
        for variable in model.observed_RVs
    }
    return xr.Dataset(
        {name: (dims(model, name, value.ndim), value) for name, value in values.items()}
    )


def assemble_tree(
    problem: Problem,
    posterior: xr.Dataset,
    sample_stats: xr.Dataset,
    recovered: Mapping[str, Recovered],
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
        Draws of the parameters, aligned, and what the sampler recorded.
    recovered : mapping
        ``{latent: Recovered}``; draws of latents are left out if they are too large.
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
    if fits(latents):
        posterior = posterior.assign(draws_of(model, latents, posterior))
    groups = {
        "posterior": posterior,
        "sample_stats": sample_stats,
        "posterior_predictive": replicated,
        "observed_data": observed(problem.density.view),
    }
    if pointwise:
        groups["log_likelihood"] = posterior[[]].assign(draws_of(model, pointwise, posterior))
    for key, values in estimates.items():
        groups[key] = estimate(values, posterior, log_likelihood=log_likelihood[key])
    groups["em/standard_error"] = estimate(errors, posterior)
    return xr.DataTree.from_dict(groups)

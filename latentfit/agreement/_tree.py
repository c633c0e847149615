"""The comparison's arrays as one ArviZ DataTree."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

Values = Mapping[str, np.ndarray]

# Beyond this many numbers a group (pointwise log-likelihoods, latents of every draw) would
# make a file of hundreds of megabytes that nobody asked for.
LARGEST = 20_000_000


def stacked(posterior: xr.Dataset) -> xr.Dataset:
    """Chains end to end: one dimension ``sample``, first in every variable."""
    return posterior.stack(sample=("chain", "draw")).transpose("sample", ...)


def unstacked(values: np.ndarray, posterior: xr.Dataset) -> np.ndarray:
    """The way back: ``(sample, *shape)`` to ``(chain, draw, *shape)``."""
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
    return sum(array.size for array in values.values()) <= LARGEST


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

"""Replicated data from the posterior predictive distribution."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pymc as pm
import xarray as xr

from latentfit.declaration import interpreted


def posterior_predictive(
    view: pm.Model, posterior: xr.Dataset, *, replicates: int, seed: int
) -> xr.Dataset:
    """Draw replicated data sets, each given one of the posterior draws of the parameters.

    Parameters
    ----------
    view : pm.Model
        The observed view, whose observed variables are drawn.
    posterior : Dataset
        The parameters, with ``chain`` and ``draw`` as their first dimensions.
    replicates : int
        Number of data sets. The posterior draws for them are spaced evenly over each chain.
    seed : int

    Returns
    -------
    Dataset
        The observed variables, with ``chain`` and ``draw`` as their first dimensions.
    """
    per_chain = max(1, replicates // posterior.sizes["chain"])
    chosen = np.unique(np.linspace(0, posterior.sizes["draw"] - 1, per_chain).round().astype(int))
    with _without_pymc_messages():
        drawn = pm.sample_posterior_predictive(
            xr.DataTree.from_dict({"posterior": posterior.isel(draw=chosen)}),
            model=view,
            var_names=[variable.name for variable in view.observed_RVs],
            random_seed=seed,
            progressbar=False,
            compile_kwargs={"mode": interpreted()},
        )
    replicated: xr.Dataset = drawn["posterior_predictive"].to_dataset()
    return replicated


@contextmanager
def _without_pymc_messages() -> Iterator[None]:
    """Suppress PyMC's messages on stderr, which is reserved for errors and progress."""
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)

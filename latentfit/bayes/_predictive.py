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
    """Draw replicated data sets, one for each of some posterior draws of the parameters.

    Parameters
    ----------
    view : pm.Model
        The observed view; its observed variables are drawn.
    posterior : Dataset
        The parameters, dimensions ``chain`` and ``draw`` first.
    replicates : int
        Number of data sets, spread evenly over each chain.
    seed : int

    Returns
    -------
    Dataset
        The observed variables, dimensions ``chain`` and ``draw`` first.
    """
    each = max(1, replicates // posterior.sizes["chain"])
    chosen = np.unique(np.linspace(0, posterior.sizes["draw"] - 1, each).round().astype(int))
    with _unlogged():
        drawn = pm.sample_posterior_predictive(
            xr.DataTree.from_dict({"posterior": posterior.isel(draw=chosen)}),
            model=view,
            var_names=[variable.name for variable in view.observed_RVs],
            random_seed=seed,
            progressbar=False,
            compile_kwargs={"mode": interpreted()},
        )
    return drawn["posterior_predictive"].to_dataset()


@contextmanager
def _unlogged() -> Iterator[None]:
    """PyMC announces what it samples on stderr, where only errors and progress belong."""
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)

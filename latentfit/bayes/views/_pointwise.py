"""The log-likelihood of each observation at posterior draws."""

import numpy as np
import pymc as pm
import xarray as xr
from pymc.model.transform.conditioning import remove_value_transforms

from latentfit.bayes.views._vectorised import vectorise
from latentfit.declaration import double_precision


def pointwise_log_likelihood(view: pm.Model, draws: xr.Dataset) -> dict[str, np.ndarray]:
    """Evaluate log p(x_i | θ) at each draw of θ.

    Parameters
    ----------
    view : pm.Model
        The observed view.
    draws : Dataset
        The parameters on the natural scale, each with ``sample`` as its first dimension.

    Returns
    -------
    dict of ndarray
        ``{observed name: array of shape (sample, *shape)}``.
    """
    untransformed = remove_value_transforms(view)
    names = [variable.name for variable in untransformed.observed_RVs]
    with double_precision():
        graphs = untransformed.logp(vars=untransformed.observed_RVs, sum=False)
    inputs = {value.name: value for value in untransformed.value_vars}
    batches = [results for _, results in vectorise(graphs, inputs)(draws)]
    return {
        name: np.concatenate(parts)
        for name, parts in zip(names, zip(*batches, strict=True), strict=True)
    }

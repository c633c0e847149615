"""Draws of any latents whose conditional distribution is a graph of random variables."""

import numpy as np
import xarray as xr

from latentfit.bayes.sampling.recover._recovered import (
    LatentGroup,
    RecoveredLatent,
    Recovery,
    summarise,
)
from latentfit.bayes.views import vectorise


def build(group: LatentGroup) -> Recovery:
    """Draw the latents by evaluating their random variables."""
    latents, categories = group.latents, group.categories
    call = vectorise([group.model[name] for name in latents], group.parameters)

    def recover(draws: xr.Dataset, seed: int, each: int) -> dict[str, RecoveredLatent]:
        repeated = draws.isel(sample=np.repeat(np.arange(draws.sizes["sample"]), each))
        batches = [results for _, results in call(repeated, seed)]
        return {
            name: summarise(np.concatenate(parts), categories.get(name))
            for name, parts in zip(latents, zip(*batches, strict=True), strict=True)
        }

    return recover

"""Draws of a single categorical latent, from the probabilities of its categories."""

from typing import Any

import numpy as np
import xarray as xr
from pytensor.tensor.random.basic import CategoricalRV

from latentfit.bayes.sampling.recover._recovered import (
    LatentGroup,
    RecoveredLatent,
    Recovery,
    draw_in_batches,
)
from latentfit.bayes.views import VectorisedFunction, vectorise


def build(group: LatentGroup) -> Recovery | None:
    """Draw a categorical latent; None if there are several latents or it is not categorical."""
    if len(group.latents) != 1:
        return None
    (latent,) = group.latents
    node = group.model[latent].owner
    if not isinstance(node.op, CategoricalRV):
        return None
    probabilities = vectorise([node.inputs[-1]], group.parameters)
    return lambda draws, seed, each: {latent: _categories(probabilities, draws, seed, each)}


def _categories(
    probabilities: VectorisedFunction, draws: xr.Dataset, seed: int, each: int
) -> RecoveredLatent:
    rng = np.random.default_rng(seed)
    total, drawn = draws.sizes["sample"], []
    mean: Any = 0.0
    for _, (batch,) in probabilities(draws):
        cumulative = np.cumsum(batch, axis=-1)[:, None]

        def draw(count: int, below: np.ndarray = cumulative) -> np.ndarray:
            threshold = rng.random((len(below), count, *below.shape[2:-1], 1)) * below[..., -1:]
            return np.asarray(np.count_nonzero(threshold >= below, axis=-1))

        drawn.append(draw_in_batches(draw, each, batch))
        mean = mean + batch.sum(axis=0) / total
    return RecoveredLatent(np.concatenate(drawn), np.asarray(mean), None, discrete=True)

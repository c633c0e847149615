"""Draws of the paths of a Markov chain, from its smoothed probabilities."""

from typing import Any

import numpy as np
import xarray as xr

from latentfit.bayes.sampling.recover._recovered import (
    LatentGroup,
    RecoveredLatent,
    Recovery,
    draw_in_batches,
)
from latentfit.bayes.views import (
    MarkovChainTerms,
    VectorisedFunction,
    draw_paths,
    markov_chain_graphs,
    smoothed_probabilities,
    vectorise,
)


def build(group: LatentGroup) -> Recovery | None:
    """Draw the paths of a Markov chain; None if the latent is not one."""
    graphs = markov_chain_graphs(group.declaration, group.view)
    if graphs is None:
        return None
    (latent,) = group.latents
    inputs = {name: group.view[name] for name in group.declaration.parameters}
    terms = vectorise(graphs, inputs)
    return lambda draws, seed, each: {latent: _paths(terms, draws, seed, each)}


def _paths(terms: VectorisedFunction, draws: xr.Dataset, seed: int, each: int) -> RecoveredLatent:
    rng = np.random.default_rng(seed)
    total, paths = draws.sizes["sample"], []
    mean: Any = 0.0
    for _, batch in terms(draws):
        gamma, xi = (one[:, None] for one in smoothed_probabilities(MarkovChainTerms(*batch)))

        def draw(count: int, gamma: np.ndarray = gamma, xi: np.ndarray = xi) -> np.ndarray:
            shape = (len(gamma), count)
            return draw_paths(
                np.broadcast_to(gamma, (*shape, *gamma.shape[2:])),
                np.broadcast_to(xi, (*shape, *xi.shape[2:])),
                rng,
            )

        paths.append(draw_in_batches(draw, each, xi))
        mean = mean + gamma[:, 0].sum(axis=0) / total
    return RecoveredLatent(np.concatenate(paths), np.asarray(mean), None, discrete=True)

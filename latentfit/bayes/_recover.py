"""Latents recovered from the posterior of θ: draws of z from p(z | x, θ), one for each draw."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from pymc_extras.marginal import conditional
from pytensor.tensor.random.basic import CategoricalRV

from latentfit.bayes._chain import Chain, chain_terms, drawn, smoothed
from latentfit.bayes._draws import evaluate
from latentfit.bayes._observed import childless_latents
from latentfit.declaration import Declaration, double_precision


@dataclass(frozen=True)
class Recovered:
    """A latent's posterior.

    Attributes
    ----------
    draws : ndarray, shape (sample, *shape)
        One draw of the latent for each draw of θ.
    mean : ndarray
        Of a continuous latent, shape `shape`: the mean of the draws. Of a categorical one,
        shape (*shape, K): the mean over draws of θ of p(z = k | x, θ), which has less Monte
        Carlo error than the frequencies of drawn categories (Rao–Blackwell).
    sd : ndarray or None
        Standard deviation of a continuous latent's draws.
    discrete : bool
    """

    draws: np.ndarray
    mean: np.ndarray
    sd: np.ndarray | None
    discrete: bool


def recover(
    declaration: Declaration, view: pm.Model, draws: xr.Dataset, seed: int
) -> dict[str, Recovered]:
    """Draw every latent from its conditional, given each posterior draw of the parameters.

    Parameters
    ----------
    declaration : Declaration
    view : pm.Model
        Its observed view.
    draws : Dataset
        The parameters, with a dimension ``sample`` first.
    seed : int

    Returns
    -------
    dict
        ``{latent: Recovered}``, in the order of `Declaration.latents`.
    """
    terms = chain_terms(declaration, view)
    if terms is not None:
        inputs = {name: view[name] for name in declaration.parameters}
        return {declaration.latents[0]: _chain(terms, inputs, draws, seed)}
    childless = childless_latents(declaration)
    integrated = [name for name in declaration.latents if name not in childless]
    found: dict[str, Recovered] = {}
    if integrated:
        # Several latents are drawn from one graph, so that each is given the others' draws.
        with double_precision():
            model = conditional(view)
        found |= _draw(model, integrated, declaration, draws, seed)
    if childless:
        found |= _draw(declaration.model, list(childless), declaration, draws, seed)
    return {name: found[name] for name in declaration.latents}


def _draw(
    model: pm.Model,
    latents: list[str],
    declaration: Declaration,
    draws: xr.Dataset,
    seed: int,
) -> dict[str, Recovered]:
    inputs = {name: model[name] for name in declaration.parameters}
    if len(latents) == 1 and isinstance(model[latents[0]].owner.op, CategoricalRV):
        probabilities = model[latents[0]].owner.inputs[-1]
        return {latents[0]: _categorical(probabilities, inputs, draws, seed)}
    parts = [
        results for _, results in evaluate([model[name] for name in latents], inputs, draws, seed)
    ]
    return {
        name: _summarised(np.concatenate(part))
        for name, part in zip(latents, zip(*parts, strict=True), strict=True)
    }


def _categorical(
    probabilities: Any, inputs: Mapping[str, Any], draws: xr.Dataset, seed: int
) -> Recovered:
    rng = np.random.default_rng(seed)
    total, drawn = draws.sizes["sample"], []
    mean: Any = 0.0
    for _, (batch,) in evaluate([probabilities], dict(inputs), draws):
        cumulative = np.cumsum(batch, axis=-1)
        below = rng.random((*batch.shape[:-1], 1)) * cumulative[..., -1:] >= cumulative
        drawn.append(np.count_nonzero(below, axis=-1).astype(_smallest(batch.shape[-1])))
        mean = mean + batch.sum(axis=0) / total
    return Recovered(np.concatenate(drawn), np.asarray(mean), None, discrete=True)


def _chain(terms: list[Any], inputs: Mapping[str, Any], draws: xr.Dataset, seed: int) -> Recovered:
    rng = np.random.default_rng(seed)
    total, paths = draws.sizes["sample"], []
    mean: Any = 0.0
    for _, batch in evaluate(terms, dict(inputs), draws):
        gamma, xi = smoothed(Chain(*batch))
        paths.append(drawn(gamma, xi, rng).astype(_smallest(gamma.shape[-1])))
        mean = mean + gamma.sum(axis=0) / total
    return Recovered(np.concatenate(paths), np.asarray(mean), None, discrete=True)


def _summarised(drawn: np.ndarray) -> Recovered:
    if drawn.dtype.kind == "f":
        return Recovered(drawn, drawn.mean(axis=0), drawn.std(axis=0, ddof=1), discrete=False)
    categories = int(drawn.max()) + 1
    shares = [np.mean(drawn == category, axis=0) for category in range(categories)]
    return Recovered(drawn, np.stack(shares, axis=-1), None, discrete=True)


def _smallest(categories: int) -> type[np.signedinteger[Any]]:
    return np.int8 if categories <= np.iinfo(np.int8).max else np.int32

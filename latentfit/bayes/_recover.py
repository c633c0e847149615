"""Latents recovered from the posterior of θ: draws of z from p(z | x, θ), one for each draw."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from pymc_extras.marginal import conditional
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.tensor.random.basic import CategoricalRV

from latentfit.bayes._alike import alike, taken
from latentfit.bayes._chain import Chain, chain_terms, smoothed
from latentfit.bayes._chain import drawn as paths_of
from latentfit.bayes._draws import BATCH, Vectorised, vectorised
from latentfit.bayes._observed import childless_latents
from latentfit.bayes.marginalize._tabulated import TabulatedRV, quantile
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


# Entries times draws from which on to look for entries that are distributed alike.
_MANY = 50_000
# Points of a table from one of those that it is told by to the next.
_APART = 16
# That finding a quantile takes, for each.
_BYTES = 64

# From draws of θ, a seed, and a number of draws of the latents for each of these.
Recovery = Callable[[xr.Dataset, int, int], dict[str, Recovered]]


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
    return recovery(declaration, view)(draws, seed, 1)


def recovery(declaration: Declaration, view: pm.Model) -> Recovery:
    """Compile what draws the latents, once for any draws of the parameters.

    Returns
    -------
    callable
        From draws of θ, a seed, and how many draws of the latents each θ is to have, to what
        `recover` returns. Those of one θ follow one another.
    """
    terms = chain_terms(declaration, view)
    if terms is not None:
        latent = declaration.latents[0]
        call = vectorised(terms, {name: view[name] for name in declaration.parameters})
        return lambda draws, seed, each: {latent: _chain(call, draws, seed, each)}
    childless = childless_latents(declaration)
    integrated = [name for name in declaration.latents if name not in childless]
    parts = []
    if integrated:
        # Several latents are drawn from one graph, so that each is given the others' draws.
        with double_precision():
            model = conditional(view)
        parts.append(_drawing(model, integrated, declaration))
    if childless:
        parts.append(_drawing(declaration.model, list(childless), declaration))

    def every(draws: xr.Dataset, seed: int, each: int) -> dict[str, Recovered]:
        found = {n: one for part in parts for n, one in part(draws, seed, each).items()}
        return {name: found[name] for name in declaration.latents}

    return every


def _drawing(model: pm.Model, latents: list[str], declaration: Declaration) -> Recovery:
    inputs = {name: model[name] for name in declaration.parameters}
    if len(latents) == 1 and isinstance(model[latents[0]].owner.op, CategoricalRV):
        (latent,) = latents
        probabilities = vectorised([model[latent].owner.inputs[-1]], inputs)
        return lambda draws, seed, each: {latent: _categorical(probabilities, draws, seed, each)}
    if len(latents) == 1 and isinstance(model[latents[0]].owner.op, TabulatedRV):
        return _tabulated(model[latents[0]], latents[0], inputs)
    call = vectorised([model[name] for name in latents], inputs)

    def drawn(draws: xr.Dataset, seed: int, each: int) -> dict[str, Recovered]:
        repeated = draws.isel(sample=np.repeat(np.arange(draws.sizes["sample"]), each))
        parts = [results for _, results in call(repeated, seed)]
        return {
            name: _summarised(np.concatenate(part))
            for name, part in zip(latents, zip(*parts, strict=True), strict=True)
        }

    return drawn


def _tabulated(variable: Any, latent: str, inputs: dict[str, Any]) -> Recovery:
    """One table for each draw of θ, and for entries that are distributed alike."""
    parts = list(variable.owner.op.dist_params(variable.owner))
    whole = vectorised(parts, inputs)

    def of_each_kind(draws: xr.Dataset) -> tuple[Vectorised, np.ndarray | None]:
        total, shape = draws.sizes["sample"], variable.type.shape
        if len(shape) != 1 or total * (shape[0] or 0) < _MANY:
            return whole, None
        some = draws.isel(sample=[0, total // 2])
        first, which = alike([heights[..., ::_APART]] for _, (*_, heights) in whole(some))
        if 2 * len(first) <= len(which):
            # Those that are alike here may be on two sides of a threshold elsewhere.
            spread = vectorised(parts[:2], inputs)
            first, which = alike((found for _, found in spread(draws)), which)
        if 2 * len(first) > len(which):
            return whole, None
        # Of placeholders, since a parameter's own node would be rewritten or copied with the rest.
        at = {name: parameter.type(name) for name, parameter in inputs.items()}
        with double_precision():
            plain: Any = rewrite_graph(
                clone_replace(parts, {inputs[name]: at[name] for name in inputs}),
                include=("canonicalize", "stabilize"),
            )
        return vectorised([taken(part, first) for part in plain], at), which

    def drawn(draws: xr.Dataset, seed: int, each: int) -> dict[str, Recovered]:
        rng, values = np.random.default_rng(seed), []
        call, which = of_each_kind(draws)
        for _, tables in call(draws):
            entries = tables[0].shape[1:] if which is None else which.shape
            room = max(1, BATCH // max(1, _BYTES * math.prod(entries)))
            # In the order of θ, so that draws do not depend on how many there is room for.
            for begin, end in _pieces(len(tables[0]), max(1, room // each)):
                mode, width, heights = (part[begin:end] for part in tables)
                for first, last in _pieces(each, room):
                    share = rng.random((end - begin, last - first, *entries))
                    found = quantile(np.moveaxis(share, 1, 0), mode, width, heights, which)
                    values.append(np.moveaxis(found, 0, 1).reshape(-1, *entries))
        return {latent: _summarised(np.concatenate(values))}

    return drawn


def _pieces(total: int, step: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, total, step):
        yield begin, min(begin + step, total)


def _categorical(probabilities: Vectorised, draws: xr.Dataset, seed: int, each: int) -> Recovered:
    rng = np.random.default_rng(seed)
    total, drawn = draws.sizes["sample"], []
    mean: Any = 0.0
    for _, (batch,) in probabilities(draws):
        cumulative = np.cumsum(batch, axis=-1)[:, None]

        def some(count: int, below: np.ndarray = cumulative) -> np.ndarray:
            level = rng.random((len(below), count, *below.shape[2:-1], 1)) * below[..., -1:]
            return np.count_nonzero(level >= below, axis=-1)

        drawn.append(_in_turn(some, each, batch))
        mean = mean + batch.sum(axis=0) / total
    return Recovered(np.concatenate(drawn), np.asarray(mean), None, discrete=True)


def _chain(terms: Vectorised, draws: xr.Dataset, seed: int, each: int) -> Recovered:
    rng = np.random.default_rng(seed)
    total, paths = draws.sizes["sample"], []
    mean: Any = 0.0
    for _, batch in terms(draws):
        gamma, xi = (one[:, None] for one in smoothed(Chain(*batch)))

        def some(count: int, gamma: np.ndarray = gamma, xi: np.ndarray = xi) -> np.ndarray:
            every = (len(gamma), count)
            return paths_of(
                np.broadcast_to(gamma, (*every, *gamma.shape[2:])),
                np.broadcast_to(xi, (*every, *xi.shape[2:])),
                rng,
            )

        paths.append(_in_turn(some, each, xi))
        mean = mean + gamma[:, 0].sum(axis=0) / total
    return Recovered(np.concatenate(paths), np.asarray(mean), None, discrete=True)


def _in_turn(draw: Callable[[int], np.ndarray], each: int, probabilities: np.ndarray) -> np.ndarray:
    """So many draws for each θ of a batch, as many at once as there is room for.

    Parameters
    ----------
    draw : callable
        From a number of draws to categories, shape (batch, number, *shape).
    each : int
    probabilities : ndarray
        Their last axis is that of categories.

    Returns
    -------
    ndarray of int, shape (batch * each, *shape)
    """
    # A chain of one time has no transitions.
    step = max(1, BATCH // max(probabilities.nbytes, 1))
    least = _smallest(probabilities.shape[-1])
    parts = [draw(min(step, each - begin)).astype(least) for begin in range(0, each, step)]
    found = np.concatenate(parts, axis=1)
    return found.reshape(-1, *found.shape[2:])


def _summarised(drawn: np.ndarray) -> Recovered:
    if drawn.dtype.kind == "f":
        return Recovered(drawn, drawn.mean(axis=0), drawn.std(axis=0, ddof=1), discrete=False)
    categories = int(drawn.max()) + 1
    shares = [np.mean(drawn == category, axis=0) for category in range(categories)]
    return Recovered(drawn, np.stack(shares, axis=-1), None, discrete=True)


def _smallest(categories: int) -> type[np.signedinteger[Any]]:
    return np.int8 if categories <= np.iinfo(np.int8).max else np.int32

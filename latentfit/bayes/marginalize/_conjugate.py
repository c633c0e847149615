r"""Integrating out a latent whose conditional distribution is of a known family.

Where p(z | x, θ) belongs to a family whose parameters can be read off the derivatives of
log p(x, z | θ) in z, no integral has to be done. For any z,

    log p(x | θ) = log p(x, z | θ) - log p(z | x, θ)

(Besag 1989, Biometrika 76(1); Chib 1995, JASA 90), and z is best taken in the middle of the
conditional distribution, where neither term is large. Families are modules of their own; each says

- which support its latents have, and what log p(x, z | θ) has to look like in them;
- the parameters of the conditional, from gradient and curvature at one value of z;
- its density, its middle, and the distribution itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pymc.distributions.transforms import _default_transform
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import MarginalRV, marginalized_conditional
from pytensor.graph.replace import graph_replace, vectorize_graph

from latentfit.bayes.marginalize._blocks import Blocks, blocks_of, heights
from latentfit.bayes.marginalize._probe import (
    Probe,
    in_place,
    log_joint,
    marginal,
    probes,
    smooth,
)
from latentfit.declaration import double_precision

# Second derivatives of blocks larger than this are taken in one vectorised call.
_ONE_BY_ONE = 3

Parameters = tuple[Any, ...]
Strategy = Callable[..., MarginalRV | None]


@dataclass(frozen=True)
class Family:
    """A family of conditional distributions of blocks of a latent.

    Attributes
    ----------
    words : str
    transform : str or None
        Of the support of its latents, as PyMC calls it; None for the whole real line.
    fits : callable
        From ``(height, draws)``, log p(x, z | θ) of each block as a function of z and values of z,
        to whether it is of this family.
    anchor : callable
        From ``(latent, blocks)`` to the z at which derivatives are taken, shape (blocks, size).
    parameters : callable
        From ``(z, gradient, curvature)`` there, shapes (blocks, size), (blocks, size) and (blocks,
        size, size), to the parameters of the conditional.
    middle : callable
        From the parameters to a z in the middle of the conditional, shape (blocks, size).
    log_density : callable
        From ``(parameters, middle, blocks)`` to log p(z | x, θ) of each block, shape (blocks,).
    distribution : callable
        From ``(parameters, blocks)`` to the random variable.
    scalar : bool
        Whether entries have to be independent of one another.
    together : int
        How many of the last axes are one value.
    """

    words: str
    transform: str | None
    fits: Callable[[Callable[[np.ndarray], np.ndarray], tuple[np.ndarray, ...]], bool]
    anchor: Callable[[Any, Blocks], Any]
    parameters: Callable[[Any, Any, Any], Parameters]
    middle: Callable[[Parameters], Any]
    log_density: Callable[[Parameters, Any, Blocks], Any]
    distribution: Callable[[Parameters, Blocks], Any]
    scalar: bool = True
    together: int = 0


class ConjugateMarginalRV(MarginalRV):
    """Variables that depend on a latent with conditionals of a known family.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(self, *args: Any, family: Family, blocks: Blocks, **kwargs: Any) -> None:
        self.family = family
        self.blocks = blocks
        self.strategy = f"its conditional is {family.words}"
        super().__init__(*args, **kwargs)


def strategy(family: Family) -> Strategy:
    """Integrate out what belongs to the family."""

    def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
        found = fitting(family, inputs, outputs[: 1 + marginalized["n_dependent_rvs"]])
        if found is None:
            return None
        blocks, _ = found
        return ConjugateMarginalRV(
            inputs=inputs, outputs=outputs, family=family, blocks=blocks, **marginalized
        )

    return build


def fitting(family: Family, inputs: list[Any], outputs: list[Any]) -> tuple[Blocks, Probe] | None:
    """The blocks of a latent whose conditional is of this family, and a probe of it."""
    latent = outputs[0]
    if latent.type.dtype != "float64" or support(latent) != family.transform:
        return None
    found = probes(inputs, outputs) if smooth(latent, outputs[1:]) else None
    if found is None:
        return None
    blocks = blocks_of(found[0], family.together)
    if family.scalar and blocks.size > 1:
        return None
    fits = all(family.fits(heights(probe, blocks), probe.draws) for probe in found)
    return (blocks, found[0]) if fits else None


def support(latent: Any) -> str | None:
    """The transform of a latent's support, None on the whole real line."""
    transform = _default_transform(latent.owner.op, latent)
    return None if transform is None else transform.name


@dataclass(frozen=True)
class _Pieces:
    """log p(x, z | θ) and the conditional as graphs of placeholders."""

    value: Any
    dependents: list[Any]
    heights: Any
    others: list[Any]
    parameters: Parameters


def _pieces(op: ConjugateMarginalRV) -> tuple[list[Any], _Pieces]:
    inner = op.fgraph.unfreeze()
    latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
    blocks, family = op.blocks, op.family
    value, others, terms = log_joint(latent, dependents)
    with double_precision():
        sums, rest = blocks.sums(terms)
        anchor = family.anchor(latent, blocks)
        gradient: Any = pytensor.grad(sums.sum(), value, disconnected_inputs="ignore")
        curvature = curvature_of_blocks(gradient, value, blocks)
        at: dict[Any, Any] = {value: blocks.scatter(anchor).astype(value.dtype)}
        slope, bend = graph_replace(
            [blocks.gather(gradient.reshape((-1,))), curvature], at, strict=False
        )
        parameters = family.parameters(anchor, slope, bend)
    return inner.inputs, _Pieces(value, others, sums, rest, parameters)


def curvature_of_blocks(gradient: Any, value: Any, blocks: Blocks) -> Any:
    """Second derivatives within blocks, shape (blocks, size, size).

    Blocks do not interact, so that one product of the Hessian with a vector gives a column of all
    of them.
    """
    count, size = blocks.count, blocks.size
    seeds = np.zeros((size, int(np.prod(blocks.shape))))
    for k in range(size):
        column = blocks.entries[:, k]
        seeds[k, column[column >= 0]] = 1.0
    seeds = seeds.reshape(size, *blocks.shape)
    seed: Any = pt.tensor("seed", dtype="float64", shape=blocks.shape)
    product: Any = pytensor.grad(pt.sum(gradient * seed), value, disconnected_inputs="ignore")
    if size <= _ONE_BY_ONE:
        products: Any = [
            graph_replace([product], {seed: pt.constant(s)}, strict=False)[0] for s in seeds
        ]
        found = pt.stack([blocks.gather(one.reshape((-1,))) for one in products], axis=-1)
    else:
        every: Any = vectorize_graph(product, {seed: pt.constant(seeds)}).reshape((size, -1))
        found = pt.moveaxis(every[:, np.maximum(blocks.entries, 0)], 0, -1)
    if blocks.full:
        return found
    there = blocks.entries >= 0
    both = there[:, :, None] & there[:, None, :]
    return pt.where(both, found, -np.broadcast_to(np.eye(size), (count, size, size)))


@_logprob.register(ConjugateMarginalRV)
def _marginal_logp(op: ConjugateMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    placeholders, pieces = _pieces(op)
    family, blocks = op.family, op.blocks
    with double_precision():
        middle = family.middle(pieces.parameters)
        at = {pieces.value: blocks.scatter(middle).astype(pieces.value.dtype)}
        # Terms that do not depend on the latent may still be written with it.
        there, *others = graph_replace([pieces.heights, *pieces.others], at, strict=False)
        each = there - family.log_density(pieces.parameters, middle, blocks)
        found = pt.concatenate([each, *others]) if others else each
    return marginal(found, [*placeholders, *pieces.dependents], [*inputs, *values], values)


@marginalized_conditional.register(ConjugateMarginalRV)
def _conditional(op: ConjugateMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    placeholders, pieces = _pieces(op)
    with double_precision():
        graph = op.family.distribution(pieces.parameters, op.blocks)
    return in_place(graph, [*placeholders, *pieces.dependents], [*inputs, *dep_rvs])

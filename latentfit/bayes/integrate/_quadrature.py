r"""Adaptive Gauss-Hermite quadrature for latents that have no closed form.

Each entry z of the latent is integrated over by itself, about the mode of log p(x, z | θ) and in
units of its curvature there,

    p(x | θ) = ∫ p(x, z | θ) dz = s Σ_j w_j exp(t_j² / 2) p(x, m + s t_j | θ),

with t_j and w_j the nodes and weights of Hermite's polynomials (Liu & Pierce 1994, Biometrika
81(3); Pinheiro & Bates 1995, JCGS 4(1)). Where the nodes lie does not matter to the integral: they
are constants to derivatives, and how many are needed is found out by doubling them (`nodes`).

The conditional distribution is tabulated: log p(x, z | θ) at Chebyshev's points about the mode is a
polynomial of which every quantile can be found.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.polynomial.hermite_e import hermegauss
from pymc.distributions.distribution import support_point
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import MarginalRV, marginalized_conditional
from pytensor.gradient import disconnected_grad
from pytensor.graph.replace import graph_replace, vectorize_graph

from latentfit.bayes.integrate._blocks import Blocks, blocks_of
from latentfit.bayes.integrate._conjugate import curvature_of_blocks, support
from latentfit.bayes.integrate._probe import kinked, log_joint, probes, smooth
from latentfit.bayes.integrate._tabulated import POINTS, tabulated
from latentfit.declaration import double_precision

_NODES = ContextVar("nodes", default=61)
_NEWTON = 6


@contextmanager
def nodes(count: int) -> Iterator[None]:
    """Within the block, observed views are built with so many nodes (61 otherwise)."""
    token = _NODES.set(count)
    try:
        yield
    finally:
        _NODES.reset(token)


class QuadratureMarginalRV(MarginalRV):
    """Variables that depend on a latent which is integrated over numerically.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(self, *args: Any, blocks: Blocks, nodes: int, **kwargs: Any) -> None:
        self.blocks = blocks
        self.nodes = nodes
        self.strategy = f"adaptive Gauss-Hermite quadrature, {nodes} nodes"
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Integrate out a latent on the real line whose entries are independent, given x and θ."""
    latent, *dependents = outputs[: 1 + marginalized["n_dependent_rvs"]]
    real = latent.type.dtype == "float64" and latent.owner.op.ndim_supp == 0
    if not real or support(latent) is not None:
        return None
    if not smooth(latent, dependents) or kinked(latent):
        return None
    found = probes(inputs, [latent, *dependents], finite=False)
    if found is None or (blocks := blocks_of(found[0])).size > 1:
        return None
    return QuadratureMarginalRV(
        inputs=inputs, outputs=outputs, blocks=blocks, nodes=_NODES.get(), **marginalized
    )


class _Pieces:
    """log p(x, z | θ) of every entry, its mode, and its width there."""

    def __init__(self, op: QuadratureMarginalRV) -> None:
        inner = op.fgraph.unfreeze()
        latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
        self.blocks, self.placeholders = op.blocks, inner.inputs
        self.value, self.dependents, terms = log_joint(latent, dependents)
        with double_precision():
            self.heights, self.others = op.blocks.sums(terms)
            gradient: Any = pytensor.grad(
                self.heights.sum(), self.value, disconnected_inputs="ignore"
            )
            bend = curvature_of_blocks(gradient, self.value, op.blocks)
            slope = op.blocks.gather(gradient.reshape((-1,)))[:, 0]
            start = pt.broadcast_to(support_point(latent), op.blocks.shape).reshape((-1,))
            mode = op.blocks.gather(start)[:, 0]
            for _ in range(_NEWTON):
                mode = mode + self.at(slope, mode) / pt.abs(self.at(bend[:, 0, 0], mode))
            self.mode = disconnected_grad(mode)
            self.width = disconnected_grad(1 / pt.sqrt(pt.abs(self.at(bend[:, 0, 0], mode))))

    def at(self, graph: Any, z: Any) -> Any:
        """A graph of the latent at one value of it."""
        there: Any = self.blocks.scatter(z[:, None])
        return graph_replace([graph], {self.value: there}, strict=False)[0]

    def along(self, t: np.ndarray) -> Any:
        """log p(x, z | θ) of every entry so many widths from the mode, shape (len(t), entries)."""
        each = (self.mode + self.width * t[:, None]).reshape((len(t), *self.blocks.shape))
        batch: Any = pt.tensor("batch", dtype="float64", shape=(None, *self.blocks.shape))
        found: Any = vectorize_graph(self.heights, {self.value: batch})
        return graph_replace([found], {batch: each}, strict=False)[0]

    def resolved(self, graph: Any, inputs: Any, values: Any) -> Any:
        """A graph of the placeholders as a graph of what stands in their place."""
        outside = zip([*self.placeholders, *self.dependents], [*inputs, *values], strict=True)
        return graph_replace([graph], dict(outside), strict=False)[0]


@_logprob.register(QuadratureMarginalRV)
def _marginal_logp(op: QuadratureMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    pieces = _Pieces(op)
    t, w = hermegauss(op.nodes)
    with double_precision():
        terms = pieces.along(t) + (np.log(w) + 0.5 * t**2)[:, None]
        found = pt.logsumexp(terms, axis=0) + pt.log(pieces.width)
        if pieces.others:
            others = [pieces.at(one, pieces.mode) for one in pieces.others]
            found = pt.concatenate([found, *others])
    found = pieces.resolved(found, inputs, values)
    return (found, *(pt.constant(0.0) for _ in values[1:])) if len(values) > 1 else found


@marginalized_conditional.register(QuadratureMarginalRV)
def _conditional(op: QuadratureMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    pieces = _Pieces(op)
    with double_precision():
        heights = pieces.along(POINTS)
        rng = pytensor.shared(np.random.default_rng())
        mode, width = (one.reshape(op.blocks.shape) for one in (pieces.mode, pieces.width))
        table = pt.moveaxis(heights.reshape((len(POINTS), *op.blocks.shape)), 0, -1)
        _, graph = tabulated(mode, width, table, rng=rng, return_next_rng=True)
    return pieces.resolved(graph, inputs, dep_rvs)

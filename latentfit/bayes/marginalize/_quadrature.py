r"""Adaptive Gauss-Hermite quadrature for latents that have no closed form.

Each block z of the latent, of one to three entries, is integrated over by itself, about the mode m
of log p(x, z | θ) and in units of its curvature there, S Sᵀ = -(∂² log p(x, z | θ) / ∂z ∂zᵀ)⁻¹,

    p(x | θ) = ∫ p(x, z | θ) dz = |S| Σ_j w_j exp(t_jᵀ t_j / 2) p(x, m + S t_j | θ),

with t_j and w_j the nodes and weights of Hermite's polynomials, or products of them (Liu & Pierce
1994, Biometrika 81(3); Pinheiro & Bates 1995, JCGS 4(1)). Where the nodes lie does not matter to
the integral: they are constants to derivatives, and how many are needed is found out by doubling
them (`nodes`).

The conditional distribution of a single entry is tabulated: p(x, z | θ) at Chebyshev's points about
the mode is a polynomial of which every quantile can be found.
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

from latentfit.bayes.marginalize._blocks import Blocks, blocks_of
from latentfit.bayes.marginalize._conjugate import curvature_of_blocks, support
from latentfit.bayes.marginalize._matrices import root, solve
from latentfit.bayes.marginalize._probe import (
    in_place,
    kinked,
    log_joint,
    marginal,
    probes,
    smooth,
)
from latentfit.bayes.marginalize._tabulated import POINTS, tabulated
from latentfit.declaration import double_precision, stable

_NODES = ContextVar("nodes", default=61)
# Shares of them along each axis of a block of so many entries: products soon are many.
_ALONG = {1: 1.0, 2: 0.5, 3: 0.25}
_NEWTON = 6


@contextmanager
def nodes(count: int) -> Iterator[None]:
    """Within the block, observed views are built with so many nodes (61 otherwise).

    So many in one dimension; fewer along each axis of several.
    """
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
        self.axis = max(3, round(_ALONG[blocks.size] * nodes))
        self.count = self.axis**blocks.size
        self.strategy = f"adaptive Gauss-Hermite quadrature, {self.count} nodes"
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Integrate out a latent on the real line in blocks of few entries."""
    latent, *dependents = outputs[: 1 + marginalized["n_dependent_rvs"]]
    if latent.type.dtype != "float64" or support(latent) is not None:
        return None
    if not smooth(latent, dependents) or kinked(latent):
        return None
    found = probes(inputs, [latent, *dependents], finite=False)
    if found is None:
        return None
    blocks = blocks_of(found[0])
    if blocks.size not in _ALONG or not blocks.full:
        return None
    return QuadratureMarginalRV(
        inputs=inputs, outputs=outputs, blocks=blocks, nodes=_NODES.get(), **marginalized
    )


class _Pieces:
    """log p(x, z | θ) of every block, its mode, and its spread there."""

    def __init__(self, op: QuadratureMarginalRV) -> None:
        inner = op.fgraph.unfreeze()
        latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
        self.blocks = op.blocks
        self.value, others, terms = log_joint(latent, dependents)
        self.placeholders = [*inner.inputs, *others]
        # Before derivatives are taken: what log(1 - p) has at p = 1 cannot be mended in them.
        terms = stable(terms, clone=False)
        size = op.blocks.size
        with double_precision():
            self.heights, self.others = op.blocks.sums(terms)
            gradient: Any = pytensor.grad(
                self.heights.sum(), self.value, disconnected_inputs="ignore"
            )
            bend = curvature_of_blocks(gradient, self.value, op.blocks)
            slope = op.blocks.gather(gradient.reshape((-1,)))
            start = pt.broadcast_to(support_point(latent), op.blocks.shape).reshape((-1,))
            mode = op.blocks.gather(start)
            for _ in range(_NEWTON):
                precision, there = self._precision(bend, mode, size), self.at(slope, mode)
                mode = mode + solve(precision, there, size)[0]
            _, _, covariance = solve(self._precision(bend, mode, size), mode, size)
            self.mode = disconnected_grad(mode)
            self.spread = disconnected_grad(root(covariance, size))

    def _precision(self, bend: Any, z: Any, size: int) -> Any:
        found = -self.at(bend, z)
        # Where a single entry curves upwards, it is still led away from there.
        return pt.abs(found) if size == 1 else found

    def at(self, graph: Any, z: Any) -> Any:
        """A graph of the latent at one value of it."""
        there: Any = self.blocks.scatter(z)
        return graph_replace([graph], {self.value: there}, strict=False)[0]

    def around(self, t: np.ndarray) -> Any:
        """Log p(x, z | θ) at z = m + S t of every block, shape (len(t), blocks)."""
        each = self.mode + pt.sum(self.spread * t[:, None, None, :], axis=-1)
        one: Any = pt.matrix("block", shape=(self.blocks.count, self.blocks.size))
        (height,) = graph_replace([self.heights], {self.value: self.blocks.scatter(one)})
        every: Any = vectorize_graph(height, {one: each})
        return every


@_logprob.register(QuadratureMarginalRV)
def _marginal_logp(op: QuadratureMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    pieces = _Pieces(op)
    line, weights = hermegauss(op.axis)
    size = op.blocks.size
    t = np.stack(np.meshgrid(*size * [line]), axis=-1).reshape(-1, size)
    w = np.stack(np.meshgrid(*size * [np.log(weights)]), axis=-1).reshape(-1, size).sum(axis=1)
    with double_precision():
        terms = pieces.around(t) + (w + 0.5 * np.sum(t**2, axis=1))[:, None]
        width = pt.log(pt.diagonal(pieces.spread, axis1=-2, axis2=-1)).sum(axis=-1)
        found = pt.logsumexp(terms, axis=0) + width
        if pieces.others:
            others = [pieces.at(one, pieces.mode) for one in pieces.others]
            found = pt.concatenate([found, *others])
    return marginal(found, pieces.placeholders, [*inputs, *values], values)


@marginalized_conditional.register(QuadratureMarginalRV)
def _conditional(op: QuadratureMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    if op.blocks.size > 1:
        raise NotImplementedError(
            f"the conditional distribution of {op.marginalized_name} has no name"
        )
    pieces = _Pieces(op)
    with double_precision():
        heights = pieces.around(POINTS[:, None])
        rng = pytensor.shared(np.random.default_rng())
        mode, width = (op.blocks.scatter(one) for one in (pieces.mode, pieces.spread))
        table = pt.moveaxis(heights.reshape((len(POINTS), *op.blocks.shape)), 0, -1)
        _, graph = tabulated(mode, width, table, rng=rng, return_next_rng=True)
    return in_place(graph, pieces.placeholders, [*inputs, *dep_rvs])

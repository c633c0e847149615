r"""Adaptive Gauss-Hermite quadrature for latents without a closed form.

Each block z of the latent, of one to three entries, is integrated separately, about the mode m of
log p(x, z | θ) and in units of its curvature there, S Sᵀ = -(∂² log p(x, z | θ) / ∂z ∂zᵀ)⁻¹,

    p(x | θ) = ∫ p(x, z | θ) dz = |S| Σ_j w_j exp(t_jᵀ t_j / 2) p(x, m + S t_j | θ),

with t_j and w_j the nodes and weights of Hermite polynomials, or products of them (Liu & Pierce
1994, Biometrika 81(3); Pinheiro & Bates 1995, JCGS 4(1)). The integral does not depend on the
positions of the nodes, which are therefore constants when the integral is differentiated. The error
is estimated by doubling the number of nodes (`quadrature_nodes`).

The conditional distribution of a single entry is tabulated: p(x, z | θ) is evaluated at Chebyshev
points about the mode, and quantiles are those of the polynomial through them.
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

from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize.algebra import cholesky_factors, solve_positive_definite
from latentfit.bayes.marginalize.distributions import TABLE_POINTS, tabulated
from latentfit.bayes.marginalize.structure import (
    IndependentBlocks,
    block_hessian,
    draw_probes,
    has_kink,
    is_smooth,
    log_joint_graphs,
    marginal_log_densities,
    partition_into_blocks,
    substitute,
    support_transform,
)
from latentfit.declaration.compilation import double_precision, stabilise

_NODES = ContextVar("nodes", default=61)
# Share of the nodes along each axis, by the number of entries of a block: the number of products
# of nodes grows with the power of the number of axes.
_SHARE_PER_AXIS = {1: 1.0, 2: 0.5, 3: 0.25}
_MIN_NODES_PER_AXIS = 3
# Steps of Newton's method from the centre of the prior to the mode of each block.
_NEWTON_STEPS = 6


@contextmanager
def quadrature_nodes(count: int) -> Iterator[None]:
    """Build observed views with this number of nodes within the ``with`` block.

    Parameters
    ----------
    count : int
        Number of nodes in one dimension (61 outside such a block). In several dimensions a share
        of it is used along each axis.
    """
    token = _NODES.set(count)
    try:
        yield
    finally:
        _NODES.reset(token)


class QuadratureMarginalRV(MarginalRV):
    """Variables that depend on a latent which is integrated numerically.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(self, *args: Any, blocks: IndependentBlocks, nodes: int, **kwargs: Any) -> None:
        self.blocks = blocks
        self.nodes = nodes
        self.nodes_per_axis = max(_MIN_NODES_PER_AXIS, round(_SHARE_PER_AXIS[blocks.size] * nodes))
        self.count = self.nodes_per_axis**blocks.size
        self.strategy = f"adaptive Gauss-Hermite quadrature, {self.count} nodes"
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Marginalise a latent on the real line that consists of blocks of few entries."""
    latent, *dependents = outputs[: 1 + marginalized["n_dependent_rvs"]]
    if latent.type.dtype != "float64" or support_transform(latent) is not None:
        return None
    if not is_smooth(latent, dependents) or has_kink(latent):
        return None
    probes = draw_probes(inputs, [latent, *dependents], finite=False)
    if probes is None:
        return None
    blocks = partition_into_blocks(probes[0])
    if blocks.size not in _SHARE_PER_AXIS or not blocks.full:
        return None
    return QuadratureMarginalRV(
        inputs=inputs, outputs=outputs, blocks=blocks, nodes=_NODES.get(), **marginalized
    )


STRATEGY = Strategy(Precedence.NUMERICAL, build)


class _QuadratureGraphs:
    """Graphs of log p(x, z | θ) of every block, its mode, and its scale matrix S there.

    Attributes
    ----------
    value : Variable
        Placeholder for the latent.
    placeholders : list of Variable
        Inputs of the inner graph, and placeholders for the dependents.
    log_joint : Variable, shape (blocks,)
    others : list of Variable
        Terms that depend on no block.
    mode : Variable, shape (blocks, size)
    scale : Variable, shape (blocks, size, size)
        Lower triangular.
    """

    def __init__(self, op: QuadratureMarginalRV) -> None:
        inner = op.fgraph.unfreeze()
        latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
        self.blocks = op.blocks
        self.value, others, terms = log_joint_graphs(latent, dependents)
        self.placeholders = [*inner.inputs, *others]
        # The terms are made stable before they are differentiated: the derivative of log(1 - p)
        # at p = 1 cannot be made stable afterwards.
        terms = stabilise(terms, clone=False)
        size = op.blocks.size
        with double_precision():
            self.log_joint, self.others = op.blocks.sums(terms)
            gradient: Any = pytensor.grad(
                self.log_joint.sum(), self.value, disconnected_inputs="ignore"
            )
            hessian = block_hessian(gradient, self.value, op.blocks)
            # Simplified once here, the derivatives are simplified in all of Newton's steps.
            block_gradient, hessian = stabilise(
                [op.blocks.gather(gradient.reshape((-1,))), hessian], clone=False
            )
            start = pt.broadcast_to(support_point(latent), op.blocks.shape).reshape((-1,))
            mode = op.blocks.gather(start)
            for _ in range(_NEWTON_STEPS):
                precision, gradient_at = (
                    self._precision(hessian, mode, size),
                    self.at(block_gradient, mode),
                )
                mode = mode + solve_positive_definite(precision, gradient_at, size)[0]
            _, _, covariance = solve_positive_definite(
                self._precision(hessian, mode, size), mode, size
            )
            self.mode = disconnected_grad(mode)
            self.scale = disconnected_grad(cholesky_factors(covariance, size))

    def _precision(self, hessian: Any, z: Any, size: int) -> Any:
        precision = -self.at(hessian, z)
        # Where log p(x, z | θ) of a single entry curves upwards, the absolute value makes the step
        # increase it.
        return pt.abs(precision) if size == 1 else precision

    def at(self, graph: Any, z: Any) -> Any:
        """Evaluate a graph of the latent at values of its blocks, shape (blocks, size)."""
        latent: Any = self.blocks.scatter(z)
        return graph_replace([graph], {self.value: latent}, strict=False)[0]

    def around_mode(self, t: np.ndarray) -> Any:
        """Evaluate log p(x, z | θ) of every block at z = m + S t, shape (len(t), blocks)."""
        each = self.mode + pt.sum(self.scale * t[:, None, None, :], axis=-1)
        one: Any = pt.matrix("block", shape=(self.blocks.count, self.blocks.size))
        (log_joint,) = graph_replace([self.log_joint], {self.value: self.blocks.scatter(one)})
        every: Any = vectorize_graph(log_joint, {one: each})
        return every


@_logprob.register(QuadratureMarginalRV)
def _quadrature_logp(op: QuadratureMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    graphs = _QuadratureGraphs(op)
    line, weights = hermegauss(op.nodes_per_axis)
    size = op.blocks.size
    t = np.stack(np.meshgrid(*size * [line]), axis=-1).reshape(-1, size)
    w = np.stack(np.meshgrid(*size * [np.log(weights)]), axis=-1).reshape(-1, size).sum(axis=1)
    with double_precision():
        terms = graphs.around_mode(t) + (w + 0.5 * np.sum(t**2, axis=1))[:, None]
        log_volume = pt.log(pt.diagonal(graphs.scale, axis1=-2, axis2=-1)).sum(axis=-1)
        density = pt.logsumexp(terms, axis=0) + log_volume
        if graphs.others:
            others = [graphs.at(one, graphs.mode) for one in graphs.others]
            density = pt.concatenate([density, *others])
    return marginal_log_densities(density, graphs.placeholders, [*inputs, *values], values)


@marginalized_conditional.register(QuadratureMarginalRV)
def _quadrature_conditional(op: QuadratureMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    if op.blocks.size > 1:
        raise NotImplementedError(
            f"the conditional distribution of {op.marginalized_name} given the data is not "
            f"available: its entries depend on one another in blocks of {op.blocks.size}, and "
            f"conditional densities are tabulated for single entries only"
        )
    graphs = _QuadratureGraphs(op)
    with double_precision():
        log_joint = graphs.around_mode(TABLE_POINTS[:, None])
        rng = pytensor.shared(np.random.default_rng())
        mode, width = (op.blocks.scatter(one) for one in (graphs.mode, graphs.scale))
        table = pt.moveaxis(log_joint.reshape((len(TABLE_POINTS), *op.blocks.shape)), 0, -1)
        _, variable = tabulated(mode, width, table, rng=rng, return_next_rng=True)
    return substitute(variable, graphs.placeholders, [*inputs, *dep_rvs])

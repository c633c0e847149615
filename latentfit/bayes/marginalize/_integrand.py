"""log p(x, z | θ) of every block of a latent, as graphs of values of the block."""

from collections.abc import Sequence
from typing import Any

import pytensor
import pytensor.tensor as pt
from pymc.distributions.distribution import support_point
from pytensor.graph.replace import graph_replace, vectorize_graph

from latentfit.bayes.marginalize.structure import (
    IndependentBlocks,
    block_hessian,
    impossible_where_invalid,
    log_joint_graphs,
)
from latentfit.declaration.compilation import double_precision, stabilise


class BlockIntegrand:
    """Graphs of log p(x, z | θ) of every block.

    Attributes
    ----------
    blocks : IndependentBlocks
    placeholders : list of Variable
        Placeholders for the dependents.
    others : list of Variable
        Terms that depend on no block.
    """

    def __init__(self, latent: Any, dependents: Sequence[Any], blocks: IndependentBlocks) -> None:
        self.blocks = blocks
        self._latent = latent
        self._value, self.placeholders, terms = log_joint_graphs(latent, dependents)
        terms = impossible_where_invalid(terms, self._value)
        # The terms are made stable before they are differentiated: the derivative of log(1 - p)
        # at p = 1 cannot be made stable afterwards.
        terms = stabilise(terms, clone=False)
        with double_precision():
            self._log_joint, self.others = blocks.sums(terms)
            self._log_prior, _ = blocks.sums(
                [terms[0], *(pt.zeros_like(term) for term in terms[1:])]
            )

    def centre(self) -> Any:
        """Build the centre of the prior, shape (blocks, size)."""
        start = pt.broadcast_to(support_point(self._latent), self.blocks.shape).reshape((-1,))
        return self.blocks.gather(start)

    def prior_width(self, centre: Any) -> Any:
        """Build the width of the prior of single entries, from its curvature at a point.

        Returns
        -------
        TensorVariable, shape (blocks, 1)
            1 where the curvature is zero or infinite.
        """
        _, hessian = self._derivatives(self._log_prior)
        precision = pt.abs(self.at(hessian, centre))[:, :, 0]
        width = 1 / pt.sqrt(precision)
        usable = pt.and_(pt.isfinite(width), pt.gt(width, 0))
        return pt.switch(usable, width, 1.0)

    def derivatives(self) -> tuple[Any, Any]:
        """Build gradient and Hessian of every block.

        Returns
        -------
        gradient : Variable, shape (blocks, size)
        hessian : Variable, shape (blocks, size, size)
            Both to be evaluated by `at`.
        """
        return self._derivatives(self._log_joint)

    def _derivatives(self, log_density: Any) -> tuple[Any, Any]:
        gradient: Any = pytensor.grad(log_density.sum(), self._value, disconnected_inputs="ignore")
        hessian = block_hessian(gradient, self._value, self.blocks)
        return self.blocks.gather(gradient.reshape((-1,))), hessian

    def at(self, graph: Any, z: Any) -> Any:
        """Evaluate a graph of the latent at values of its blocks, shape (blocks, size)."""
        latent: Any = self.blocks.scatter(z)
        return graph_replace([graph], {self._value: latent}, strict=False)[0]

    def at_points(self, z: Any) -> Any:
        """Evaluate log p(x, z | θ) of every block at several points.

        Parameters
        ----------
        z : TensorVariable, shape (points, blocks, size)

        Returns
        -------
        TensorVariable, shape (points, blocks)
        """
        one: Any = pt.matrix("block", shape=(self.blocks.count, self.blocks.size))
        (log_joint,) = graph_replace([self._log_joint], {self._value: self.blocks.scatter(one)})
        every: Any = vectorize_graph(log_joint, {one: z})
        return every

"""Second derivatives of log p(x, z | θ) within blocks of a latent."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace, vectorize_graph

from latentfit.bayes.marginalize.structure._blocks import IndependentBlocks

# Block size up to which each column of second derivatives has a graph of its own; larger blocks
# use one vectorised graph.
_MAX_SEPARATE_COLUMNS = 3


def block_hessian(gradient: Any, value: Any, blocks: IndependentBlocks) -> Any:
    """Build the Hessian within each block as a graph.

    Blocks do not interact, so that one product of the Hessian with a vector gives one column of
    every block.

    Parameters
    ----------
    gradient : TensorVariable, shape `blocks.shape`
    value : TensorVariable, shape `blocks.shape`
        The latent, with respect to which the gradient is differentiated.
    blocks : IndependentBlocks

    Returns
    -------
    TensorVariable, shape (blocks, size, size)
        Minus the identity in rows and columns that pad a block.
    """
    count, size = blocks.count, blocks.size
    seeds = np.zeros((size, int(np.prod(blocks.shape))))
    for k in range(size):
        column = blocks.entries[:, k]
        seeds[k, column[column >= 0]] = 1.0
    seeds = seeds.reshape(size, *blocks.shape)
    seed: Any = pt.tensor("seed", dtype="float64", shape=blocks.shape)
    product: Any = pytensor.grad(pt.sum(gradient * seed), value, disconnected_inputs="ignore")
    if size <= _MAX_SEPARATE_COLUMNS:
        products: Any = [
            graph_replace([product], {seed: pt.constant(s)}, strict=False)[0] for s in seeds
        ]
        hessian = pt.stack([blocks.gather(one.reshape((-1,))) for one in products], axis=-1)
    else:
        every: Any = vectorize_graph(product, {seed: pt.constant(seeds)}).reshape((size, -1))
        hessian = pt.moveaxis(every[:, np.maximum(blocks.entries, 0)], 0, -1)
    if blocks.full:
        return hessian
    there = blocks.entries >= 0
    both = there[:, :, None] & there[:, None, :]
    return pt.where(both, hessian, -np.broadcast_to(np.eye(size), (count, size, size)))

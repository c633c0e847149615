"""Any latents that can be drawn from p(z | x, θ'): a sample represents their distribution.

Q is a mean over draws, with Monte Carlo error.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytensor.tensor as pt
import xarray as xr
from pytensor.graph.basic import Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import vectorize_graph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.traversal import graph_inputs
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.subtensor import AdvancedSubtensor

from latentfit.bayes.complete_data._complete_data import CompleteData
from latentfit.bayes.complete_data._graphs import log_joint_graph
from latentfit.bayes.sampling import (
    IntractableDensity,
    Recovery,
    intractable_density,
    prepare_recovery,
)
from latentfit.bayes.views import Density, category_values, conditional_view
from latentfit.declaration import Declaration
from latentfit.declaration.compilation import stabilise

# Number of draws from p(z | x, θ') where it can be drawn from directly.
CONDITIONAL_DRAWS = 4000


def complete_data_by_draws(declaration: Declaration, density: Density) -> CompleteData:
    """Build the view by draws, even where exact statistics are available.

    Parameters
    ----------
    declaration : Declaration
    density : Density
        The density of its observed view, or an `IntractableDensity`.
    """
    latents = declaration.latents
    inputs, graph = log_joint_graph(declaration, density)
    (graph,) = stabilise([graph])
    drawn = tuple(
        pt.tensor(one.name, dtype=one.dtype, shape=(None, *one.type.shape)) for one in inputs
    )
    log_joints = _index_at_once(vectorize_graph(graph, dict(zip(inputs, drawn, strict=True))))
    sampler = _nuts_density(declaration, density)
    statistics = _direct_draws(declaration, density) if sampler is None else sampler.draws
    return CompleteData(
        declaration,
        density,
        exact=False,
        categories=category_values(declaration),
        _statistics=statistics,
        _names=latents,
        _inputs=drawn,
        _q=pt.mean(log_joints),
    )


def _index_at_once(graph: Any) -> Any:
    """Index parameters by the categories of all draws in one operation.

    PyTensor's vectorised graph indexes them one draw at a time, as it would have to if the
    parameters were different for each draw.
    """
    inputs = [one for one in graph_inputs([graph]) if not isinstance(one, Constant)]
    fgraph = FunctionGraph(inputs, [graph], clone=False)
    dfs_rewriter(_rewrite_blockwise_index).rewrite(fgraph)
    return fgraph.outputs[0]


@node_rewriter([Blockwise])
def _rewrite_blockwise_index(fgraph: Any, node: Any) -> list[Any] | None:
    index_op, (table, *indices) = node.op.core_op, node.inputs
    batch = node.op.batch_ndim(node)
    first = tuple(range(len(indices)))
    if not isinstance(index_op, AdvancedSubtensor) or index_op.idx_list != first:
        return None
    if not all(table.type.broadcastable[:batch]) or len({i.type.ndim for i in indices}) > 1:
        return None
    return [table.squeeze(axis=tuple(range(batch)))[tuple(indices)]]


def _nuts_density(declaration: Declaration, density: Density) -> IntractableDensity | None:
    """Find the density that draws the latents by NUTS; None if they can be drawn directly."""
    if isinstance(density, IntractableDensity):
        return density
    try:
        conditional_view(density.view)
    except NotImplementedError as error:
        return intractable_density(declaration, density.space, str(error))
    return None


def _direct_draws(
    declaration: Declaration, density: Density
) -> Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]]:
    """Make the function from θ to draws from p(z | x, θ), ``{latent: (sample, *shape)}``."""
    space = density.space

    @cache
    def recovery() -> Recovery:
        return prepare_recovery(declaration, density.view)

    def draws(at: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        natural = space.constrain(at)
        one = xr.Dataset(
            {
                name: (
                    ("sample", *(f"{name}_dim_{axis}" for axis in range(natural[name].ndim))),
                    natural[name][None],
                )
                for name in space.parameters
            }
        )
        recovered = recovery()(one, int(rng.integers(2**31)), CONDITIONAL_DRAWS)
        return {name: recovered[name].draws for name in declaration.latents}

    return draws

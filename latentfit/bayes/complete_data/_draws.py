"""Any latents that can be drawn from p(z | x, θ'): one sample stands for their distribution.

Q is a mean over draws, and as precise as that.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytensor.tensor as pt
import xarray as xr
from pymc_extras.marginal import conditional
from pytensor.graph.basic import Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import vectorize_graph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.traversal import graph_inputs
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.subtensor import AdvancedSubtensor

from latentfit.bayes._density import Density
from latentfit.bayes._monte_carlo import Intractable, intractable
from latentfit.bayes._recover import Recovery, recovery
from latentfit.bayes.complete_data._terms import joint
from latentfit.bayes.complete_data._view import CompleteData
from latentfit.declaration import Declaration, stable

DRAWS = 4000


def by_draws(declaration: Declaration, density: Density) -> CompleteData:
    """The view by draws, whatever else there might be."""
    latents = declaration.latents
    inputs, graph = joint(declaration, density)
    (graph,) = stable([graph])
    drawn = tuple(
        pt.tensor(one.name, dtype=one.dtype, shape=(None, *one.type.shape)) for one in inputs
    )
    every = _gathered(vectorize_graph(graph, dict(zip(inputs, drawn, strict=True))))
    sampler = _by_nuts(declaration, density)
    statistics = _drawn(declaration, density) if sampler is None else sampler.draws
    return CompleteData(
        declaration,
        density,
        exact=False,
        discrete=any(declaration.model[n].dtype.startswith(("int", "bool")) for n in latents),
        _statistics=statistics,
        _names=latents,
        _inputs=drawn,
        _q=pt.mean(every),
    )


def _gathered(graph: Any) -> Any:
    """The same, with what each draw of a category picks out of θ picked out at once.

    PyTensor has it a draw at a time: where θ were another for each, it could be no other way.
    """
    inputs = [one for one in graph_inputs([graph]) if not isinstance(one, Constant)]
    fgraph = FunctionGraph(inputs, [graph], clone=False)
    dfs_rewriter(_gather).rewrite(fgraph)
    return fgraph.outputs[0]


@node_rewriter([Blockwise])
def _gather(fgraph: Any, node: Any) -> list[Any] | None:
    gather, (table, *indices) = node.op.core_op, node.inputs
    batch = node.op.batch_ndim(node)
    first = tuple(range(len(indices)))
    if not isinstance(gather, AdvancedSubtensor) or gather.idx_list != first:
        return None
    if not all(table.type.broadcastable[:batch]) or len({i.type.ndim for i in indices}) > 1:
        return None
    return [table.squeeze(axis=tuple(range(batch)))[tuple(indices)]]


def _by_nuts(declaration: Declaration, density: Density) -> Intractable | None:
    """What draws the latents where p(z | x, θ) has no name; None where it has."""
    if isinstance(density, Intractable):
        return density
    try:
        conditional(density.view)
    except NotImplementedError as error:
        return intractable(declaration, density.space, str(error))
    return None


def _drawn(
    declaration: Declaration, density: Density
) -> Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]]:
    """From θ to draws of the latents from p(z | x, θ), ``{latent: (sample, *shape)}``."""
    space = density.space

    @cache
    def compiled() -> Recovery:
        return recovery(declaration, density.view)

    def draws(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        natural = space.constrain(where)
        one = xr.Dataset(
            {
                name: (
                    ("sample", *(f"{name}_dim_{axis}" for axis in range(natural[name].ndim))),
                    natural[name][None],
                )
                for name in space.parameters
            }
        )
        found = compiled()(one, int(rng.integers(2**31)), DRAWS)
        return {name: found[name].draws for name in declaration.latents}

    return draws

"""Values of a latent at which a distribution of the data has invalid parameters."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.logprob.utils import CheckParameterValue
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import MakeVector, ScalarFromTensor
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.math import All


def impossible_where_invalid(terms: list[Any], value: Any) -> list[Any]:
    """Give the data density 0 at values of a latent that make parameters invalid.

    PyMC's log densities raise an error for all data if one entry of a parameter is invalid. An
    integral over z evaluates its integrand at extreme values of z too: in
    ``y ~ Normal(0, exp(z))`` the standard deviation underflows to 0 there. Tests of parameters that
    do not depend on the latent still raise the error.

    Parameters
    ----------
    terms : list of Variable
        Terms of log p(x, z | θ).
    value : Variable
        The placeholder for z in them.

    Returns
    -------
    list of Variable
    """
    graph = FunctionGraph(outputs=clone_replace(terms, {value: value}), clone=False)
    for node in graph.toposort():
        if not isinstance(node.op, CheckParameterValue):
            continue
        inputs: list[Any] = node.inputs
        density, *conditions = inputs
        of_latent = [one for one in conditions if value in ancestors([one])]
        if not of_latent:
            continue
        replaced: Any = density
        for one in of_latent:
            for condition in _conditions(one):
                if _has_shape_of(condition, density):
                    replaced = pt.switch(condition, replaced, -np.inf)
        others = [one for one in conditions if one not in of_latent]
        if others:
            replaced = node.op(replaced, *others)
        graph.replace(node.outputs[0], replaced.astype(density.type.dtype))
    return list(graph.outputs)


def _conditions(joint: Any) -> Iterator[Any]:
    """Yield the conditions, by entry, of which a condition is the conjunction."""
    op = joint.owner and joint.owner.op
    if isinstance(op, All | DimShuffle | MakeVector | ScalarFromTensor):
        for one in joint.owner.inputs:
            yield from _conditions(one)
    else:
        yield joint


def _has_shape_of(condition: Any, density: Any) -> bool:
    """Return whether a condition on parameters has an entry for each entry of the density.

    The condition that probabilities sum to one has not. Where it is violated, the density is not a
    number, which an integral takes as 0.
    """
    of_condition, of_density = condition.type.shape, density.type.shape
    if len(of_condition) > len(of_density):
        return False
    pairs = zip(reversed(of_condition), reversed(of_density), strict=False)
    return all(one == 1 or (one is not None and one == other) for one, other in pairs)

"""Log densities at values of a latent at which a parameter is not valid in floating point.

Quadrature evaluates log p(x | z, θ) far into the tails of z, where a scale such as exp(z) becomes
exactly 0 and a probability exactly 0 or 1. PyMC then raises an error. The density of the limit is
zero there, so that these nodes do not contribute to the integral.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.logprob.utils import CheckParameterValue
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import Join, MakeVector
from pytensor.tensor.math import All


def impossible_where_invalid(term: Any, variable: Any, value: Any) -> Any:
    """Replace errors about parameters that depend on a latent by log densities of minus infinity.

    Parameters
    ----------
    term : TensorVariable
        log p(z | θ), or log p(x | z, θ) of a dependent. The graph is modified.
    variable : TensorVariable
        The random variable whose log density the term is.
    value : TensorVariable
        Placeholder for the latent.

    Returns
    -------
    TensorVariable
        Checks are kept where they do not concern the entries of the random variable one by one:
        an invalid parameter of one entry must not exclude the values of all entries.
    """
    if any(getattr(variable.owner.op, "ndims_params", None) or [1]):
        return term
    graph = FunctionGraph(outputs=[term], clone=False)
    for node in graph.toposort():
        if not isinstance(node.op, CheckParameterValue) or not node.op.can_be_replaced_by_ninf:
            continue
        checked, *conditions = node.inputs
        if value not in ancestors(conditions):
            continue
        by_entry = [part for one in conditions for part in _parts(one)]
        if all(_broadcasts_to(part, checked) for part in by_entry):
            possible = by_entry[0]
            for part in by_entry[1:]:
                possible = pt.and_(possible, part)
            graph.replace(
                node.outputs[0],
                pt.switch(possible, checked, -np.inf).astype(checked.type.dtype),
                import_missing=True,
            )
    return graph.outputs[0]


def _parts(condition: Any) -> Iterator[Any]:
    """Yield the conditions on single entries of which PyMC checks whether all are met."""
    node = condition.owner
    if node is not None and isinstance(node.op, All):
        yield from _parts(node.inputs[0])
    elif node is not None and isinstance(node.op, MakeVector):
        for one in node.inputs:
            yield from _parts(one)
    elif node is not None and isinstance(node.op, Join):
        for one in node.inputs[1:]:
            yield from _parts(one)
    else:
        yield condition


def _broadcasts_to(part: Any, whole: Any) -> bool:
    own, other = part.type.shape, whole.type.shape
    aligned = zip(own[::-1], other[::-1], strict=False)
    return len(own) <= len(other) and all(n == 1 or n == m for n, m in aligned)

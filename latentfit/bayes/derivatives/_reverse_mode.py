"""Differentiation of a scalar graph in reverse mode."""

from collections import defaultdict
from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.graph.traversal import io_toposort

# Imported for their rules, which they register.
from latentfit.bayes.derivatives import (
    _blockwise,
    _elementwise,
    _log_sums,
    _rearrangements,
)
from latentfit.bayes.derivatives._adjoint import Adjoint, input_adjoints, total

__all__ = ["gradient"]

_RULES = (_blockwise, _elementwise, _log_sums, _rearrangements)


def gradient(scalar: Any, variable: Any) -> Any:
    """Differentiate a scalar with respect to a variable.

    Parameters
    ----------
    scalar : TensorVariable, shape ()
        A graph of `variable`, floating point.
    variable : TensorVariable

    Returns
    -------
    TensorVariable
        Of the shape of `variable`; zeros where the scalar does not depend on it.

    Raises
    ------
    NullTypeGradError
        An operation on which the scalar depends has no derivative.
    """
    nodes = list(io_toposort([variable], [scalar]))
    dependent = _dependent_variables(nodes, variable)
    adjoints: dict[Any, list[Adjoint]] = defaultdict(list)
    if scalar in dependent:
        adjoints[scalar].append(Adjoint(pt.ones_like(scalar), None))
    # Each variable would record the line of code that creates it, which takes more time than the
    # derivatives.
    with pytensor.config.change_flags(traceback__limit=0):
        for node in reversed(nodes):
            outputs = [total(adjoints.pop(o), o) if o in adjoints else None for o in node.outputs]
            if not any(outputs):
                continue
            for source, adjoint in zip(
                node.inputs, input_adjoints(node.op, node, outputs), strict=True
            ):
                if adjoint is not None and source in dependent:
                    adjoints[source].append(adjoint)
        if variable not in adjoints:
            return pt.zeros_like(variable)
        return total(adjoints[variable], variable).derivative


def _dependent_variables(nodes: list[Any], variable: Any) -> set[Any]:
    """Collect the variables that depend on one of them and can have derivatives.

    Integers, such as indices and conditions, have none.
    """
    dependent = {variable}
    for node in nodes:
        uses = [source in dependent for source in node.inputs]
        if not any(uses):
            continue
        every = [[True] * len(node.outputs)] * len(uses)
        pattern = (
            node.op.connection_pattern(node) if hasattr(node.op, "connection_pattern") else every
        )
        for index, output in enumerate(node.outputs):
            connected = any(use and row[index] for use, row in zip(uses, pattern, strict=True))
            if connected and str(getattr(output.type, "dtype", "")).startswith("float"):
                dependent.add(output)
    return dependent

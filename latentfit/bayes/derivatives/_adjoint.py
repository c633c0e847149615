"""Derivatives of the result with respect to one variable, and which of its entries are active."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce, singledispatch
from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, NullTypeGradError, disconnected_type
from pytensor.graph.null_type import NullType


@dataclass(frozen=True)
class Adjoint:
    """The derivative of the result with respect to a variable.

    Attributes
    ----------
    derivative : TensorVariable
        Of the shape of the variable; exactly 0 where an entry is not active.
    active : TensorVariable or None
        Boolean, with as many axes as the variable and broadcastable to its shape: whether an
        entry can change the result. None if all entries can.
    """

    derivative: Any
    active: Any | None


# The adjoints of the outputs or the inputs of a node; None for those that have no derivative.
Adjoints = Sequence[Adjoint | None]


@singledispatch
def input_adjoints(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    """Compute the adjoints of a node's inputs from those of its outputs.

    Operations without a rule of their own mix the entries of their inputs, so that every entry
    is taken to be active.

    Parameters
    ----------
    op : Op
    node : Apply
        The node of this operation.
    outputs : sequence of Adjoint or None
        At least one is not None.

    Raises
    ------
    NullTypeGradError
        The operation has no derivative.
    """
    derivatives = pull_back(node, [one and one.derivative for one in outputs])
    return [None if one is None else Adjoint(one, None) for one in derivatives]


def pull_back(node: Any, outputs: Sequence[Any]) -> list[Any]:
    """Apply PyTensor's own rule: derivatives with respect to a node's inputs.

    Parameters
    ----------
    node : Apply
    outputs : sequence of TensorVariable or None
        Derivatives with respect to the outputs.

    Returns
    -------
    list of TensorVariable or None
        None where the outputs do not depend on an input.
    """
    given = [disconnected_type() if one is None else one for one in outputs]
    return [existing(one) for one in node.op.pullback(node.inputs, node.outputs, given)]


def existing(derivative: Any) -> Any | None:
    """Return a derivative, or None if PyTensor reports that there is no dependence.

    Raises
    ------
    NullTypeGradError
        PyTensor reports that the derivative is not defined or not implemented.
    """
    if isinstance(derivative.type, NullType):
        raise NullTypeGradError(str(derivative.type.why_null))
    return None if isinstance(derivative.type, DisconnectedType) else derivative


def both(*conditions: Any | None) -> Any | None:
    """Combine conditions, each boolean or None for "everywhere", by a logical and."""
    given = [one for one in conditions if one is not None]
    return reduce(pt.and_, given) if given else None


def either(*conditions: Any | None) -> Any | None:
    """Combine conditions, each boolean or None for "everywhere", by a logical or."""
    return None if any(one is None for one in conditions) else reduce(pt.or_, conditions)


def zero_where_inactive(derivative: Any, active: Any | None) -> Any:
    """Replace the derivatives with respect to inactive entries by 0."""
    if active is None:
        return derivative
    return pt.switch(active, derivative, pt.constant(0, dtype=derivative.type.dtype))


def sum_over_broadcast(derivative: Any, active: Any | None, variable: Any, output: Any) -> Adjoint:
    """Sum over the axes along which an input was broadcast to the shape of the output.

    Parameters
    ----------
    derivative, active : TensorVariable
        Derivatives with respect to the input as it was broadcast, and which of them are active.
    variable, output : TensorVariable
        The input and the output.
    """
    added = output.type.ndim - variable.type.ndim
    lengths = zip((1,) * added + variable.type.shape, output.type.shape, strict=True)
    axes = [axis for axis, (own, length) in enumerate(lengths) if own == 1 and length != 1]
    some = active
    if axes:
        derivative = pt.sum(derivative, axis=axes, keepdims=True)
        some = None if active is None else pt.any(active, axis=axes, keepdims=True)
    if added:
        derivative = pt.squeeze(derivative, axis=tuple(range(added)))
        some = None if some is None else pt.squeeze(some, axis=tuple(range(added)))
    return Adjoint(derivative, some)


def total(adjoints: Sequence[Adjoint], variable: Any) -> Adjoint:
    """Add the adjoints of a variable that come from the nodes in which it is used."""
    derivative = reduce(pt.add, (one.derivative for one in adjoints))
    if derivative.type.dtype != variable.type.dtype:
        derivative = derivative.astype(variable.type.dtype)
    return Adjoint(derivative, either(*(one.active for one in adjoints)))

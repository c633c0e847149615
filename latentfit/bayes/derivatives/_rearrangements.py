"""Adjoints of operations that select, repeat, join or add entries without changing them.

An entry of an input is active if it contributes to an active entry of an output. An entry that is
not selected, or that is replaced by another, is not active. The number of active entries to which
each entry contributes follows from PyTensor's own rule: the operation is linear with coefficients 0
and 1, so that its rule maps indicators of active outputs to counts.
"""

from typing import Any

import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.compile.ops import DeepCopyOp
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.basic import (
    Alloc,
    ExtractDiag,
    Join,
    MakeVector,
    ScalarFromTensor,
    Split,
    TensorFromScalar,
)
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.subtensor import (
    AdvancedIncSubtensor,
    AdvancedSubtensor,
    IncSubtensor,
    Subtensor,
)

from latentfit.bayes.derivatives._adjoint import (
    Adjoint,
    Adjoints,
    input_adjoints,
    pull_back,
    zero_where_inactive,
)

REARRANGEMENTS = (
    AdvancedIncSubtensor,
    AdvancedSubtensor,
    Alloc,
    CheckAndRaise,
    DeepCopyOp,
    ExtractDiag,
    IncSubtensor,
    Join,
    MakeVector,
    Reshape,
    ScalarFromTensor,
    SpecifyShape,
    Split,
    Subtensor,
    TensorFromScalar,
)


def rearrangement_adjoints(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    """Compute the adjoints of the inputs of one of `REARRANGEMENTS`, or of it along batch axes."""
    derivatives = pull_back(node, [one and one.derivative for one in outputs])
    given = [one for one in outputs if one is not None]
    if any(one.active is None for one in given) and not _omits_entries(op):
        return [None if one is None else Adjoint(one, None) for one in derivatives]
    indicators = [
        one and zero_where_inactive(pt.ones_like(variable), one.active)
        for one, variable in zip(outputs, node.outputs, strict=True)
    ]
    counts = pull_back(node, indicators)
    return [
        None if derivative is None else Adjoint(derivative, pt.gt(count, 0))
        for derivative, count in zip(derivatives, counts, strict=True)
    ]


def _omits_entries(op: Any) -> bool:
    """Whether entries of an input need not occur in the outputs."""
    core = op.core_op if isinstance(op, Blockwise) else op
    if isinstance(core, IncSubtensor | AdvancedIncSubtensor):
        return bool(core.set_instead_of_inc)
    return isinstance(core, AdvancedSubtensor | ExtractDiag | Subtensor)


for _operation in REARRANGEMENTS:
    input_adjoints.register(_operation, rearrangement_adjoints)


@input_adjoints.register(DimShuffle)
def _dimshuffle(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    (x,), (output,) = node.inputs, outputs
    assert output is not None
    (derivative,) = pull_back(node, [output.derivative])
    active = output.active
    if active is not None:
        # Axes that the operation added are removed, those that it removed are added, and the
        # others get the order that they had.
        added = tuple(axis for axis, source in enumerate(op.new_order) if source == "x")
        order = [source for source in op.new_order if source != "x"]
        source_axes = range(x.type.ndim)
        active = pt.squeeze(active, axis=added).dimshuffle(
            [order.index(axis) if axis in order else "x" for axis in source_axes]
        )
    return [Adjoint(derivative, active)]


@input_adjoints.register(CAReduce)
def _sum(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    if not isinstance(op.scalar_op, ps.Add):
        # The function that is registered for all operations without a rule.
        return input_adjoints.dispatch(object)(op, node, outputs)
    (x,), (output,) = node.inputs, outputs
    assert output is not None
    (derivative,) = pull_back(node, [output.derivative])
    axes = tuple(range(x.type.ndim)) if op.axis is None else op.axis
    active = None if output.active is None else pt.expand_dims(output.active, axes)
    return [Adjoint(derivative, active)]

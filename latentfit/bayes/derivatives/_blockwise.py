"""Adjoints of operations that are repeated along batch axes."""

from typing import Any

from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.special import LogSumExp

from latentfit.bayes.derivatives._adjoint import Adjoints, input_adjoints
from latentfit.bayes.derivatives._rearrangements import REARRANGEMENTS, rearrangement_adjoints


@input_adjoints.register(Blockwise)
def _blockwise(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    core = op.core_op
    if isinstance(core, LogSumExp):
        batch = op.batch_ndim(node)
        axes = tuple(axis + batch for axis in core.axis)
        return input_adjoints(LogSumExp(axis=axes), node, outputs)
    if isinstance(core, REARRANGEMENTS):
        return rearrangement_adjoints(op, node, outputs)
    # The function that is registered for all operations without a rule.
    return input_adjoints.dispatch(object)(op, node, outputs)

"""Graph rewrites for operations that NumPy cannot evaluate as one loop over an array.

PyTensor's Python linker evaluates elementwise operations through NumPy ufuncs. It fails where an
operation has more operands than a ufunc may have, and calls Python for each entry where NumPy has
no such ufunc. The rewrites replace these operations by equivalent ones that NumPy has.
"""

from typing import Any

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.compile.mode import get_mode as _get_mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import dfs_rewriter
from pytensor.graph.rewriting.basic import node_rewriter as _node_rewriter
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.type import TensorType

# PyTensor does not annotate these functions.
get_mode: Any = _get_mode
node_rewriter: Any = _node_rewriter

# NumPy's limit on the operands of a ufunc, its result included.
_MAX_UFUNC_OPERANDS = 32

# PyTensor applies rewrites in the order of their positions. The rewrites of this module come after
# all of PyTensor's own, which do not recognise the operations that they introduce.
_FIRST_POSITION = 100.0


def with_numpy_rewrites(mode: Mode | str) -> Mode:
    """Add the rewrites of this module to a compilation mode."""
    extended: Mode = get_mode(mode).register(*_REWRITES)
    return extended


def _split_long_sum(fgraph: Any, node: Any) -> list[Any] | None:
    """Split a sum or product of too many terms for a ufunc into two halves."""
    if not isinstance(node.op.scalar_op, (ps.Add, ps.Mul)):
        return None
    if len(node.inputs) < _MAX_UFUNC_OPERANDS:
        return None
    middle = len(node.inputs) // 2
    return [node.op(node.op(*node.inputs[:middle]), node.op(*node.inputs[middle:]))]


def _expand_softplus(fgraph: Any, node: Any) -> list[Any] | None:
    """Express log(1 + exp(x)), which is no NumPy ufunc, by functions that are."""
    if not isinstance(node.op.scalar_op, ps.Softplus):
        return None
    (x,) = node.inputs
    expanded: Any = pt.maximum(x, 0) + pt.log1p(pt.exp(-pt.abs(x)))
    return [expanded.astype(node.outputs[0].dtype)]


def _replace_second(fgraph: Any, node: Any) -> list[Any] | None:
    """Replace ``second``, which is no NumPy ufunc and arises in derivatives of sums."""
    if not isinstance(node.op.scalar_op, ps.Second):
        return None
    like, value = node.inputs
    pairs = zip(like.type.shape, value.type.shape, strict=True)
    if not any(one == 1 and many != 1 for many, one in pairs):
        return [value]
    return [_broadcast_value(like, value)]


class _BroadcastValue(Op):
    """Broadcast the second input along the axes on which the first input is longer."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Any:
        like, value = inputs
        shape = [
            many if one == 1 else one
            for many, one in zip(like.type.shape, value.type.shape, strict=True)
        ]
        return Apply(self, [like, value], [TensorType(value.dtype, shape)()])

    def perform(self, node: Any, inputs: Any, storage: Any) -> None:
        like, value = inputs
        shape = np.broadcast_shapes(like.shape, value.shape)
        storage[0][0] = np.broadcast_to(value, shape).copy()


_broadcast_value = _BroadcastValue()

_REWRITES = tuple(
    (
        dfs_rewriter(node_rewriter([Elemwise])(rewrite), name=rewrite.__name__),
        _FIRST_POSITION + position,
    )
    for position, rewrite in enumerate([_split_long_sum, _expand_softplus, _replace_second])
)

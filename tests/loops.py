"""Which nodes of a compiled function Python evaluates one entry at a time."""

from typing import Any

import numpy as np
from pytensor.tensor.elemwise import Elemwise


def without_loop(function: Any) -> list[Any]:
    """Those for which there is no loop of NumPy's or SciPy's.

    PyTensor makes a ufunc of the operation's Python code for them, and keeps it with the operation
    or with the node.
    """
    return [node for node in function.maker.fgraph.toposort() if _interpreted(node)]


def _interpreted(node: Any) -> bool:
    op = node.op
    if not isinstance(op, Elemwise) or (op.nfunc and len(node.inputs) == op.nfunc_spec[1]):
        return False
    return isinstance(op.ufunc or getattr(node.tag, "ufunc", None), np.ufunc)

"""Nodes of a compiled PyTensor function that are evaluated by Python, entry by entry."""

from typing import Any

import numpy as np
from pytensor.tensor.elemwise import Elemwise


def without_loop(function: Any) -> list[Any]:
    """Return the elementwise nodes for which neither NumPy nor SciPy has a compiled loop.

    For these PyTensor makes a ufunc of the operation's Python code, and stores it with the
    operation or with the node.
    """
    return [node for node in function.maker.fgraph.toposort() if _interpreted(node)]


def _interpreted(node: Any) -> bool:
    op = node.op
    if not isinstance(op, Elemwise) or (op.nfunc and len(node.inputs) == op.nfunc_spec[1]):
        return False
    return isinstance(op.ufunc or getattr(node.tag, "ufunc", None), np.ufunc)

"""How small functions are compiled: interpreted by PyTensor, never just-in-time.

A gradient that is called a few hundred times takes half a second to set up this way, against
tens of seconds for machine code that would save it a second. All graph rewrites but fusion
(a fused loop cannot be interpreted) stay on, and with them PyTensor's numerical stability.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.compile.mode import Mode, get_mode
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors, io_toposort
from pytensor.link.basic import PerformLinker
from pytensor.scan.op import Scan
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.type import TensorType

# Operands of one loop of NumPy's, the result among them.
_OPERANDS = 32


@node_rewriter([Elemwise])
def _narrow(fgraph: Any, node: Any) -> list[Any] | None:
    """A sum or product of more terms than a loop of NumPy's has operands is taken in halves."""
    if not isinstance(node.op.scalar_op, (ps.Add, ps.Mul)) or len(node.inputs) < _OPERANDS:
        return None
    middle = len(node.inputs) // 2
    return [node.op(node.op(*node.inputs[:middle]), node.op(*node.inputs[middle:]))]


@node_rewriter([Elemwise])
def _softplus(fgraph: Any, node: Any) -> list[Any] | None:
    """log(1 + exp(x)), for which NumPy has no loop, by functions for which it has."""
    if not isinstance(node.op.scalar_op, ps.Softplus):
        return None
    (x,) = node.inputs
    found: Any = pt.maximum(x, 0) + pt.log1p(pt.exp(-pt.abs(x)))
    return [found.astype(node.outputs[0].dtype)]


@node_rewriter([Elemwise])
def _fill(fgraph: Any, node: Any) -> list[Any] | None:
    """Derivatives of sums are repeated, for which NumPy has no loop, by what has no need of one."""
    if not isinstance(node.op.scalar_op, ps.Second):
        return None
    like, value = node.inputs
    pairs = zip(like.type.shape, value.type.shape, strict=True)
    if not any(one == 1 and many != 1 for many, one in pairs):
        return [value]
    return [_repeated(like, value)]


class _Repeated(Op):
    """The second input, repeated along axes on which the first is longer."""

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


_repeated = _Repeated()


# Last of all: what comes before simplifies and differentiates what it knows.
_INTERPRETABLE = tuple(
    (dfs_rewriter(rewriter, name=rewriter.__name__), 100.0 + place)
    for place, rewriter in enumerate([_narrow, _softplus, _fill])
)


def interpretable(mode: Mode | str) -> Mode:
    """A mode with rewrites for what cannot be interpreted, or one entry at a time alone."""
    found: Mode = get_mode(mode).register(*_INTERPRETABLE)
    return found


@cache
def interpreted() -> Mode:
    """The mode in which latentfit compiles whatever is not sampled from by NUTS."""
    mode = Mode(linker=PerformLinker(), optimizer="fast_run")
    return interpretable(mode.excluding("fusion", "inplace"))


@cache
def _as_it_is() -> Mode:
    return interpretable(Mode(linker=PerformLinker(), optimizer="merge"))


def stable(graphs: Sequence[Any], *, clone: bool = True) -> list[Any]:
    """The same graphs, simplified and made numerically stable.

    To be taken before derivatives are: these inherit it, and `function` has nothing left to
    rewrite. Rewriting them once more would save a millisecond a call and cost half a second.
    Without a clone the graphs that are given are changed.
    """
    with _without_compiler():
        _forget_origins(graphs)
        found: Any = rewrite_graph(
            list(graphs),
            include=("canonicalize", "stabilize", "specialize"),
            # What it takes out of a graph says where derivatives end.
            exclude=("local_view_op",),
            clone=clone,
        )
    return list(found)


def function(inputs: Sequence[Variable], outputs: Any, *, rewritten: bool = False) -> Any:
    """A PyTensor function in that mode; inputs that the outputs do not need are allowed.

    Parameters
    ----------
    rewritten : bool
        The outputs are `stable`, or derivatives of what is: they are evaluated as they stand.
    """
    mode = _as_it_is() if rewritten else interpreted()
    graphs = outputs if isinstance(outputs, Sequence) else [outputs]
    _forget_origins(graphs)
    with nullcontext() if _loops(graphs) else _without_compiler():
        return pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")


def _without_compiler() -> Any:
    # Graphs within graphs (a softmax, a scan) are compiled in C wherever there is a compiler,
    # whatever the mode; and where it is first asked for, its flags are tried out for a second.
    # Only the body of a loop, which runs many times a call, is worth that.
    return pytensor.config.change_flags(cxx="", traceback__limit=0)


def _loops(graphs: Sequence[Variable]) -> bool:
    return any(isinstance(node.op, Scan) for node in io_toposort([], graphs))


def _forget_origins(graphs: Sequence[Variable]) -> None:
    # Every variable carries the lines of code that made it, and rewrites concatenate them: on
    # second derivatives that has taken a minute, and once all memory.
    for variable in ancestors(graphs):
        variable.tag.trace = []


@contextmanager
def interpreting() -> Iterator[None]:
    """Within the block, PyMC's own functions compile in that mode too."""
    with double_precision(), _without_compiler(), pytensor.config.change_flags(mode=interpreted()):
        yield


@contextmanager
def double_precision() -> Iterator[None]:
    """Within the block, literal numbers enter PyTensor graphs as doubles.

    By default a literal becomes the smallest type that holds it, and its logarithm a number
    of that precision: ``pm.Gamma("x", 10, 10)`` then has a log-density that is off by 1e-6.
    """
    with pytensor.config.change_flags(cast_policy="numpy+floatX"):
        yield

"""Compile PyTensor graphs to functions that Python interprets.

A gradient that is called a few hundred times is ready after half a second this way. Compiling it to
machine code takes tens of seconds and would save about one second in its calls. All of PyTensor's
graph rewrites stay on, because numerical stability depends on them, except fusion, since a fused
loop cannot be interpreted.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import pytensor
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors, io_toposort
from pytensor.link.basic import PerformLinker
from pytensor.scan.op import Scan

from latentfit.declaration._interpretable import with_numpy_rewrites

__all__ = [
    "compile_function",
    "double_precision",
    "interpreted_compilation",
    "interpreted_mode",
    "stabilise",
    "with_numpy_rewrites",
]


@cache
def interpreted_mode() -> Mode:
    """Return the mode in which latentfit compiles every function except those NUTS samples from."""
    mode: Any = Mode(linker=PerformLinker(), optimizer="fast_run")
    return with_numpy_rewrites(mode.excluding("fusion", "inplace"))


@cache
def _mode_without_rewrites() -> Mode:
    return with_numpy_rewrites(Mode(linker=PerformLinker(), optimizer="merge"))


def stabilise(graphs: Sequence[Any], *, clone: bool = True) -> list[Any]:
    """Simplify graphs and make them numerically stable.

    Derivatives should be taken of the result, because they inherit its stability, so that
    `compile_function` can be called with ``rewritten=True``. Rewriting the derivatives as well
    would save a millisecond in a call and cost half a second.

    Parameters
    ----------
    graphs : sequence of Variable
    clone : bool
        If False, the rewrites modify the given graphs.
    """
    with _without_c_compiler():
        _discard_traces(graphs)
        rewritten: Any = rewrite_graph(
            list(graphs),
            include=("canonicalize", "stabilize", "specialize"),
            # This rewrite removes the operations that stop differentiation.
            exclude=("local_view_op",),
            clone=clone,
        )
    return list(rewritten)


def compile_function(
    inputs: Sequence[Variable[Any, Any]], outputs: Any, *, rewritten: bool = False
) -> Any:
    """Compile a PyTensor function that is interpreted.

    Parameters
    ----------
    inputs : sequence of Variable
        Inputs that the outputs do not depend on are allowed.
    outputs : Variable or sequence of Variable
    rewritten : bool
        The outputs come from `stabilise`, or are derivatives of its result, and need no rewriting.
    """
    mode = _mode_without_rewrites() if rewritten else interpreted_mode()
    graphs = outputs if isinstance(outputs, Sequence) else [outputs]
    _discard_traces(graphs)
    # The body of a scan runs many times in a call, so that compiling it in C is worth the time.
    with nullcontext() if _contains_scan(graphs) else _without_c_compiler():
        return pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")


@contextmanager
def interpreted_compilation() -> Iterator[None]:
    """Within the block, PyMC's own functions compile in the interpreted mode too."""
    with (
        double_precision(),
        _without_c_compiler(),
        pytensor.config.change_flags(mode=interpreted_mode()),
    ):
        yield


@contextmanager
def double_precision() -> Iterator[None]:
    """Within the block, literal numbers enter PyTensor graphs in double precision.

    By default a literal gets the smallest type that holds it, and its logarithm has the precision
    of that type: the log density of ``pm.Gamma("x", 10, 10)`` then has an error of 1e-6.
    """
    with pytensor.config.change_flags(cast_policy="numpy+floatX"):
        yield


def _without_c_compiler() -> AbstractContextManager[Any]:
    # PyTensor compiles graphs within graphs (softmax, scan) in C if it finds a compiler, whatever
    # the mode, and needs a second to test the compiler's flags on first use.
    return pytensor.config.change_flags(cxx="", traceback__limit=0)


def _contains_scan(graphs: Sequence[Variable[Any, Any]]) -> bool:
    return any(isinstance(node.op, Scan) for node in io_toposort([], graphs))


def _discard_traces(graphs: Sequence[Variable[Any, Any]]) -> None:
    # Each variable records the lines of code that created it, and rewrites concatenate these
    # records. For second derivatives this took a minute, and once exhausted the memory.
    for variable in ancestors(graphs):
        variable.tag.trace = []

"""How small functions are compiled: interpreted by PyTensor, never just-in-time.

A gradient that is called a few hundred times takes half a second to set up this way, against
tens of seconds for machine code that would save it a second. All graph rewrites but fusion
(a fused loop cannot be interpreted) stay on, and with them PyTensor's numerical stability.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytensor
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors
from pytensor.link.basic import PerformLinker


@cache
def interpreted() -> Mode:
    """The mode in which latentfit compiles whatever is not sampled from by NUTS."""
    return Mode(linker=PerformLinker(), optimizer="fast_run").excluding("fusion", "inplace")


def function(inputs: Sequence[Variable], outputs: Any) -> Any:
    """A PyTensor function in that mode; inputs that the outputs do not need are allowed."""
    # Every variable carries the lines of code that made it, and rewrites concatenate them: on
    # second derivatives that has taken a minute, and once all memory.
    with pytensor.config.change_flags(traceback__limit=0):
        for variable in ancestors(outputs if isinstance(outputs, Sequence) else [outputs]):
            variable.tag.trace = []
        return pytensor.function(inputs, outputs, mode=interpreted(), on_unused_input="ignore")


@contextmanager
def interpreting() -> Iterator[None]:
    """Within the block, PyMC's own functions compile in that mode too."""
    with double_precision(), pytensor.config.change_flags(mode=interpreted(), traceback__limit=0):
        yield


@contextmanager
def double_precision() -> Iterator[None]:
    """Within the block, literal numbers enter PyTensor graphs as doubles.

    By default a literal becomes the smallest type that holds it, and its logarithm a number
    of that precision: ``pm.Gamma("x", 10, 10)`` then has a log-density that is off by 1e-6.
    """
    with pytensor.config.change_flags(cast_policy="numpy+floatX"):
        yield

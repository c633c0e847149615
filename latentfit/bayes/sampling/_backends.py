"""Compilation of log p(x, θ) and its gradient by each of PyTensor's back ends.

NUTS evaluates the log density some ten thousand times, which is worth machine code, and compiling
takes most of the time until the answer. Only the log density and its gradient are compiled;
all other functions of a draw are evaluated for all draws at once, afterwards.

Numba compiles most new models for half a minute and more, and on most of them its machine code is
the fastest of the three. JAX compiles in seconds, each time, and draws more slowly. C compiles as
long as Numba and draws the most slowly (reports/backends.md).

Numba's machine code is kept between runs, under a key that PyTensor computes from the graph and
the constants in it. Data are such constants, so that other data would be compiled again, and graphs
with constants larger than a megabyte are not kept at all. Here the data become arguments of the
compiled function, so that the machine code serves for all data of the same shape.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import Any, Literal, get_args

import numpy as np
import pymc as pm
from pytensor.compile.mode import Mode, get_mode
from pytensor.configdefaults import config
from pytensor.graph.basic import Constant, clone_get_equiv
from pytensor.graph.destroyhandler import DestroyHandler
from pytensor.graph.fg import FunctionGraph
from pytensor.link.numba.linker import NumbaLinker

from latentfit.errors import InputError

Backend = Literal["numba", "jax", "c"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

# A log density and its gradient as a function of the unconstrained point.
GradientFunction = Callable[[np.ndarray], tuple[float, np.ndarray]]

# Constants with more entries than this are treated as data and become arguments; smaller ones
# remain part of the formula.
_MAX_FORMULA_CONSTANT_ENTRIES = 8

# Options of compilation that change the machine code and are not part of PyTensor's key.
_OPTIONS_KEY = f"nogil_fastmath{int(config.numba__fastmath)}"

# Numba finds machine code by the name of the file that holds the source, up to the last dot. The
# name is fixed, so that any process finds what another one compiled.
_SOURCE_FILE_NAME = "latentfit.bayes.log_density"


class DataAsArgumentsLinker(NumbaLinker):
    """Numba's linker, with data as arguments of the machine code.

    The machine code releases Python's global lock, for which the chains would otherwise wait.
    """

    def fgraph_convert(self, fgraph: Any, *arguments: Any, **rest: Any) -> Any:
        """Replace data by inputs in a graph, and translate it to a Python function for Numba."""
        from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key

        # The order is that of the graph, which is the same in every run.
        data = dict.fromkeys(
            variable
            for node in fgraph.toposort()
            for variable in node.inputs
            if isinstance(variable, Constant)
            and np.size(variable.data) > _MAX_FORMULA_CONSTANT_ENTRIES
        )
        new_inputs: dict[Any, Any] = {constant: constant.type() for constant in data}
        clones: Any = clone_get_equiv(
            fgraph.inputs,
            fgraph.outputs,
            copy_inputs=False,
            copy_orphans=False,
            memo=dict(new_inputs),
        )
        outputs = [clones[variable] for variable in fgraph.outputs]
        graph = FunctionGraph([*fgraph.inputs, *new_inputs.values()], outputs, clone=False)
        # Makes operations that overwrite an input run after all others that read it.
        graph.attach_feature(DestroyHandler())
        return *numba_funcify_and_cache_key(graph), [constant.data for constant in data]

    def jit_compile(self, fn: Any) -> Callable[..., Any]:
        """Compile the function that `fgraph_convert` returned, or load its machine code."""
        from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS
        from pytensor.link.numba.dispatch.basic import numba_njit

        graph, key, data = fn
        # PyTensor's own function calls the graph's function, which would be compiled twice. The
        # graph's function is compiled directly. PyTensor wrote its source to a file whose name
        # is different in every run, under which its machine code would not be found again.
        source = graph.py_func
        code = source.__code__.replace(co_filename=_SOURCE_FILE_NAME)
        named = FunctionType(code, source.__globals__)
        if key is not None:
            CACHED_SRC_FUNCTIONS[named] = f"{key}_{_OPTIONS_KEY}"
        compiled = numba_njit(named, final_function=True, nogil=True, cache=key is not None)
        return lambda *inputs: compiled(*inputs, *data)


def check_backend(backend: str) -> None:
    """Check that a back end exists and is installed.

    Raises
    ------
    InputError
        The back end does not exist or is not installed.
    """
    if backend not in BACKENDS:
        raise InputError(f"the back end is one of {', '.join(BACKENDS)}, not {backend!r}")
    if backend == "jax" and find_spec("jax") is None:
        raise InputError("JAX is not installed: pip install 'latentfit[jax]'")
    if backend == "c" and not config.cxx:
        raise InputError("the back end 'c' needs a C++ compiler, and none was found")


def compile_gradient(
    point: Any, graphs: Sequence[Any], backend: Backend
) -> Callable[[], GradientFunction]:
    """Compile a log density and its gradient.

    Parameters
    ----------
    point : TensorVariable
        The unconstrained vector.
    graphs : (TensorVariable, TensorVariable)
        The log density, a scalar, and its gradient, a vector, as graphs of `point` and of data
        containers.
    backend : {"numba", "jax", "c"}

    Returns
    -------
    callable
        Makes a function of the point for one thread, with the values that the data containers
        have at that time.

    Raises
    ------
    InputError
        The back end is not installed.
    """
    check_backend(backend)
    # PyTensor writes the source of each function that it makes to a file and leaves it there.
    with config.change_flags(generated_src_dir=_source_folder().name):
        function = pm.pytensorf.compile([point], list(graphs), mode=_mode(backend))
    if backend == "c":
        # A compiled C function works in memory of its own, which two threads must not share.
        return lambda: _as_numbers(function.copy(share_memory=False))
    compiled = function.vm.jit_fn if backend == "numba" else _on_cpu(function.vm.jit_fn)

    def for_thread() -> GradientFunction:
        data = [variable.get_value(borrow=True) for variable in function.get_shared()]
        return _as_numbers(lambda at: compiled(at, *data))

    return for_thread


@cache
def _source_folder() -> TemporaryDirectory[str]:
    """Return the folder for generated sources, which is removed when Python exits."""
    return TemporaryDirectory(prefix="latentfit-")


def _on_cpu(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """Run JAX on the CPU: with so few numbers at a time, an accelerator is not faster."""
    import jax

    cpu = jax.devices("cpu")[0]

    def call(*arguments: Any) -> Any:
        with jax.default_device(cpu):
            return compiled(*arguments)

    return call


def _mode(backend: Backend) -> Mode:
    if backend == "numba":
        return Mode(DataAsArgumentsLinker(), get_mode("NUMBA").provided_optimizer)
    return get_mode("JAX") if backend == "jax" else Mode("cvm", "fast_run")


def _as_numbers(function: Callable[..., Any]) -> GradientFunction:
    """Convert the results of a back end to a float and a NumPy array."""

    def gradient_function(at: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = function(at)
        return float(value), np.asarray(gradient)

    return gradient_function

"""log p(x, θ) and its gradient as fast functions: one for each of PyTensor's back ends.

What NUTS calls some ten thousand times is worth machine code, and what it takes to make that is
most of the time to an answer. So nothing is compiled but value and gradient: what else is wanted
of a draw is evaluated for all draws at once, afterwards.

Numba compiles most new models for half a minute and more, and its machine code is the fastest of
the three on most; JAX takes seconds, each time, and draws more slowly; C takes as long as Numba,
and draws the most slowly (reports/backends.md).

Numba's machine code is kept between runs, under a key that PyTensor makes of the graph and the
constants in it. Data are such constants, so other data would be compiled anew, and beyond a
megabyte they are not kept at all. Here they become arguments of what is compiled: other data of
the same shape find it in the cache.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
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

# Value and gradient at an unconstrained point.
Gradient = Callable[[np.ndarray], tuple[float, np.ndarray]]

# Entries of a constant from which on it is data, and not part of the formula.
_DATA = 8

# What PyTensor's key does not tell of how a function was compiled.
_FLAGS = f"nogil_fastmath{int(config.numba__fastmath)}"


class _DataAsArguments(NumbaLinker):
    """Numba, with data as arguments, and without Python's lock, which chains would queue for."""

    def fgraph_convert(self, fgraph: Any, *arguments: Any, **rest: Any) -> Any:
        from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key

        # In the order of the graph, which is the same in every run.
        data = dict.fromkeys(
            variable
            for node in fgraph.toposort()
            for variable in node.inputs
            if isinstance(variable, Constant) and np.size(variable.data) > _DATA
        )
        lifted: dict[Any, Any] = {constant: constant.type() for constant in data}
        clones: Any = clone_get_equiv(
            fgraph.inputs,
            fgraph.outputs,
            copy_inputs=False,
            copy_orphans=False,
            memo=dict(lifted),
        )
        outputs = [clones[variable] for variable in fgraph.outputs]
        graph = FunctionGraph([*fgraph.inputs, *lifted.values()], outputs, clone=False)
        # What overwrites its input runs after all others that read it.
        graph.attach_feature(DestroyHandler())
        return *numba_funcify_and_cache_key(graph), [constant.data for constant in data]

    def jit_compile(self, fn: Any) -> Callable[..., Any]:
        from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS
        from pytensor.link.numba.dispatch.basic import numba_njit

        graph, key, data = fn
        # The graph itself, not a call of it, which PyTensor keeps: that is compiled twice. It was
        # written to a file with a name of its own in every run, and would not be found again.
        source = graph.py_func
        named = FunctionType(source.__code__.replace(co_filename=__name__), source.__globals__)
        if key is not None:
            CACHED_SRC_FUNCTIONS[named] = f"{key}_{_FLAGS}"
        compiled = numba_njit(named, final_function=True, nogil=True, cache=key is not None)
        return lambda *inputs: compiled(*inputs, *data)


def available(backend: str) -> None:
    """Raise `InputError` for a back end that there is not, or that is not installed."""
    if backend not in BACKENDS:
        raise InputError(f"the back end is one of {', '.join(BACKENDS)}, not {backend!r}")
    if backend == "jax" and find_spec("jax") is None:
        raise InputError("JAX is not installed: pip install 'latentfit[jax]'")
    if backend == "c" and not config.cxx:
        raise InputError("no C++ compiler was found, which the back end 'c' needs")


def compiled(point: Any, graphs: Sequence[Any], backend: Backend) -> Callable[[], Gradient]:
    """Compile value and gradient.

    Parameters
    ----------
    point : TensorVariable
        The unconstrained vector.
    graphs : (TensorVariable, TensorVariable)
        Value, a scalar, and gradient, a vector, of `point` and of data containers.
    backend : {"numba", "jax", "c"}

    Returns
    -------
    callable
        Makes such a function for one thread, with what the data containers hold by then.

    Raises
    ------
    InputError
        The back end is not installed.
    """
    available(backend)
    function = pm.pytensorf.compile([point], list(graphs), mode=_mode(backend))
    if backend == "c":
        # Its memory is its own: two threads must not share it.
        return lambda: _plain(function.copy(share_memory=False))
    jitted = function.vm.jit_fn if backend == "numba" else _on_processor(function.vm.jit_fn)

    def for_thread() -> Gradient:
        held = [variable.get_value(borrow=True) for variable in function.get_shared()]
        return _plain(lambda at: jitted(at, *held))

    return for_thread


def _on_processor(jitted: Callable[..., Any]) -> Callable[..., Any]:
    """Of so few numbers at a time an accelerator would make nothing faster."""
    import jax

    processor = jax.devices("cpu")[0]

    def call(*arguments: Any) -> Any:
        with jax.default_device(processor):
            return jitted(*arguments)

    return call


def _mode(backend: Backend) -> Mode:
    if backend == "numba":
        return Mode(_DataAsArguments(), get_mode("NUMBA").provided_optimizer)
    return get_mode("JAX") if backend == "jax" else Mode("cvm", "fast_run")


def _plain(function: Callable[..., Any]) -> Gradient:
    def gradient(at: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = function(at)
        return float(value), np.asarray(slope)

    return gradient

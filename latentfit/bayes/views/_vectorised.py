"""Functions of θ evaluated at many posterior draws at once.

One vectorised call evaluates a batch of draws. The arrays of a batch are large enough for NumPy to
be fast, so that nothing has to be compiled to machine code.
"""

import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pymc.pytensorf import reseed_rngs
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.type_other import NoneTypeT

from latentfit.declaration.compilation import with_numpy_rewrites

# Memory in bytes that the computation of one batch may take. Freed memory of this size is reused
# by the process, without a new request to the operating system for each batch, and the overhead
# of the loop over batches is still negligible.
BATCH_BYTES = 50_000_000


@dataclass(frozen=True)
class VectorisedFunction:
    """Functions of θ, possibly random, compiled to be evaluated at many draws of θ at once."""

    _names: tuple[str, ...]
    _outputs: tuple[Any, ...]
    _call: Callable[..., list[np.ndarray]]
    _generators: tuple[Any, ...]

    def __call__(
        self, draws: xr.Dataset, seed: int | None = None
    ) -> Iterator[tuple[slice, list[np.ndarray]]]:
        """Evaluate the functions at each draw, one batch after the other.

        Parameters
        ----------
        draws : Dataset
            The parameters, each with ``sample`` as its first dimension.
        seed : int, optional
            Seed of random functions.

        Yields
        ------
        slice
            The positions along ``sample`` of the batch.
        list of ndarray
            One array for each graph, with ``sample`` as its first axis.
        """
        reseed_rngs(self._generators, seed)
        call = self._call
        values = [np.asarray(draws[name]) for name in self._names]
        total = draws.sizes["sample"]
        bytes_per_draw = _memory_of_call(call, [value[:1] for value in values])
        step = max(1, min(total, BATCH_BYTES // max(bytes_per_draw, 1)))
        for begin in range(0, total, step):
            part = slice(begin, min(begin + step, total))
            count = part.stop - part.start
            results = call(*(value[part] for value in values))
            yield (
                part,
                [
                    result
                    if graph.type.ndim < result.ndim
                    else _repeated(call, values, index, count)
                    for index, (graph, result) in enumerate(
                        zip(self._outputs, results, strict=True)
                    )
                ],
            )


def vectorise(graphs: Sequence[Any], inputs: Mapping[str, Any]) -> VectorisedFunction:
    """Compile functions of the parameters for any number of draws.

    Parameters
    ----------
    graphs : sequence of TensorVariable
        Functions, or random functions, of `inputs`.
    inputs : mapping
        ``{name of a parameter: variable that represents it in the graphs}``.
    """
    batched = {
        name: pt.tensor(name, dtype=variable.dtype, shape=(None, *variable.type.shape))
        for name, variable in inputs.items()
    }
    # The graphs are rewritten before the batch dimension is added: rewriting the vectorised
    # graphs takes many times longer and gains nothing.
    single = {name: variable.type(name) for name, variable in inputs.items()}
    stable: Any = rewrite_graph(
        clone_replace(list(graphs), {inputs[name]: single[name] for name in inputs}),
        include=("canonicalize", "stabilize"),
        clone=False,
    )
    outputs = vectorize_graph(
        _without_sizes(stable), {single[name]: batched[name] for name in inputs}
    )
    call, updates = pm.pytensorf.compile(
        list(batched.values()),
        outputs,
        mode=with_numpy_rewrites("FAST_COMPILE"),
        random_seed=False,
        return_updates=True,
        on_unused_input="ignore",
    )
    return VectorisedFunction(tuple(inputs), tuple(graphs), call, tuple(updates))


def _without_sizes(graphs: Sequence[Any]) -> list[Any]:
    """Give the parameters of random variables the shapes that the variables have by their size.

    PyTensor's vectorisation adds the batch dimension to the size of a random variable only if its
    first parameter has one, and raises an error if another parameter has one.
    """
    fgraph = FunctionGraph(outputs=list(graphs), clone=False)
    for node in fgraph.toposort():
        op = node.op
        if not isinstance(op, RandomVariable) or isinstance(node.inputs[1].type, NoneTypeT):
            continue
        inputs: list[Any] = list(node.inputs)
        rng, size, *parameters = inputs
        shaped = [
            pt.broadcast_to(one, (*size, *one.shape[one.type.ndim - own :]))
            for one, own in zip(parameters, op.ndims_params, strict=True)
        ]
        fgraph.replace_all(
            list(zip(node.outputs, op.make_node(rng, None, *shaped).outputs, strict=True)),
            import_missing=True,
        )
    return list(fgraph.outputs)


def _memory_of_call(call: Callable[..., Any], values: list[np.ndarray]) -> int:
    """Measure the largest memory, in bytes, that a call holds at any time.

    The size of the results is not enough: intermediate arrays may be much larger. If memory is
    being traced already, tracing continues afterwards, but the maximum that it recorded has been
    reset.
    """
    traced = tracemalloc.is_tracing()
    if not traced:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        call(*values)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if not traced:
            tracemalloc.stop()
    return peak - before


def _repeated(
    call: Callable[..., list[np.ndarray]], values: list[np.ndarray], index: int, count: int
) -> np.ndarray:
    """Evaluate a graph that depends on no parameter, with new random numbers for each draw."""
    return np.stack([call(*(value[:1] for value in values))[index] for _ in range(count)])

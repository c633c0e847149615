"""Functions of θ evaluated at all posterior draws at once.

One vectorised call on a batch of draws, in place of a call a draw: the arrays are large enough
for NumPy to be fast, and nothing has to be compiled to machine code.
"""

import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pymc.model.transform.conditioning import remove_value_transforms
from pymc.pytensorf import reseed_rngs
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.rewriting.utils import rewrite_graph

from latentfit.declaration import double_precision, interpretable

# Bytes that a batch takes while it is computed: small enough for memory that is freed to be taken
# again and not asked of the system anew, large enough for the loop over batches not to matter.
BATCH = 50_000_000


@dataclass(frozen=True)
class Vectorised:
    """Functions of θ, random ones perhaps, compiled to be evaluated at many draws of it at once."""

    _names: tuple[str, ...]
    _outputs: tuple[Any, ...]
    _call: Callable[..., list[np.ndarray]]
    _generators: tuple[Any, ...]

    def __call__(
        self, draws: xr.Dataset, seed: int | None = None
    ) -> Iterator[tuple[slice, list[np.ndarray]]]:
        """Evaluate at each draw.

        Parameters
        ----------
        draws : Dataset
            Has a dimension ``sample`` first in each parameter.
        seed : int, optional
            Of random functions.

        Yields
        ------
        slice
            Of ``sample``.
        list of ndarray
            One result a graph, ``sample`` first.
        """
        reseed_rngs(self._generators, seed)
        call = self._call
        values = [np.asarray(draws[name]) for name in self._names]
        total = draws.sizes["sample"]
        step = max(1, min(total, BATCH // max(_room(call, [value[:1] for value in values]), 1)))
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


def vectorised(graphs: Sequence[Any], inputs: Mapping[str, Any]) -> Vectorised:
    """Compile functions of the parameters for any number of draws.

    Parameters
    ----------
    graphs : sequence of TensorVariable
        Functions, or random functions, of `inputs`.
    inputs : mapping
        ``{name of a parameter: variable that stands for it in the graphs}``.
    """
    batched = {
        name: pt.tensor(name, dtype=variable.dtype, shape=(None, *variable.type.shape))
        for name, variable in inputs.items()
    }
    # Stabilised before, not after, a batch dimension is added: rewriting the vectorised graph
    # takes many times longer and gains nothing.
    single = {name: variable.type(name) for name, variable in inputs.items()}
    stable: Any = rewrite_graph(
        clone_replace(list(graphs), {inputs[name]: single[name] for name in inputs}),
        include=("canonicalize", "stabilize"),
        clone=False,
    )
    outputs = vectorize_graph(stable, {single[name]: batched[name] for name in inputs})
    call, updates = pm.pytensorf.compile(
        list(batched.values()),
        outputs,
        mode=interpretable("FAST_COMPILE"),
        random_seed=False,
        return_updates=True,
        on_unused_input="ignore",
    )
    return Vectorised(tuple(inputs), tuple(graphs), call, tuple(updates))


def _room(call: Callable[..., Any], values: list[np.ndarray]) -> int:
    """Bytes that a call takes at most: what it returns may be little beside what it goes through.

    Where memory is traced already, that goes on, from a peak that is set back.
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
    """Results of a graph that no parameter enters: one call a draw, each random anew."""
    return np.stack([call(*(value[:1] for value in values))[index] for _ in range(count)])


def pointwise_log_likelihood(view: pm.Model, draws: xr.Dataset) -> dict[str, np.ndarray]:
    """Log p(x_i | θ) for each draw, ``{observed name: (sample, *shape)}``."""
    plain = remove_value_transforms(view)
    names = [variable.name for variable in plain.observed_RVs]
    with double_precision():
        graphs = plain.logp(vars=plain.observed_RVs, sum=False)
    inputs = {value.name: value for value in plain.value_vars}
    parts = [results for _, results in vectorised(graphs, inputs)(draws)]
    return {
        name: np.concatenate(part)
        for name, part in zip(names, zip(*parts, strict=True), strict=True)
    }

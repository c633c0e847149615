"""A model as a function of one unconstrained vector, as samplers need it."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import arviz_base as azb
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.replace import graph_replace

from latentfit.bayes.sampling._dispersed_starts import dispersed_starts
from latentfit.bayes.sampling._starting_points import Impossible, StartingPoints
from latentfit.bayes.views import vectorise
from latentfit.declaration.compilation import (
    compile_function,
    double_precision,
    interpreted_compilation,
    stabilise,
)


@dataclass(frozen=True)
class UnconstrainedModel:
    """A model whose free variables are parts of one unconstrained vector.

    Attributes
    ----------
    model : pm.Model
    size : int
        Number of unconstrained coordinates.
    start : StartingPoints
        From a seed to an unconstrained point with a finite log density, drawn from the prior.
    point : TensorVariable
        The unconstrained vector of which `density` and `natural` are graphs.
    density : TensorVariable
        The log density of `point`, with the Jacobians of the transforms.
    natural : dict
        Graphs of parameters and deterministics on the natural scale.
    """

    model: pm.Model
    size: int
    start: StartingPoints
    point: Any
    density: Any
    natural: dict[str, Any]

    def natural_draws(self, points: np.ndarray) -> xr.Dataset:
        """Evaluate parameters and deterministics on the natural scale.

        Parameters
        ----------
        points : ndarray, shape (chain, draw, size)
            Unconstrained.
        """
        chains, draws, size = points.shape
        stacked = xr.Dataset({"point": (("sample", "coordinate"), points.reshape(-1, size))})
        graphs = list(self.natural.values())
        batches = [results for _, results in vectorise(graphs, {"point": self.point})(stacked)]
        values = {
            name: np.concatenate(parts).reshape(chains, draws, *parts[0].shape[1:])
            for name, parts in zip(self.natural, zip(*batches, strict=True), strict=True)
        }
        model = self.model
        dims: dict[Any, Any] = {
            name: list(model.named_vars_to_dims.get(name) or ()) for name in values
        }
        coords: dict[Any, Any] = {
            name: list(labels) for name, labels in model.coords.items() if labels is not None
        }
        dataset: xr.Dataset = azb.dict_to_dataset(
            values, coords=coords, dims=dims, sample_dims=["chain", "draw"]
        )
        return dataset


def unconstrained_model(view: pm.Model, variable_data: Sequence[str] = ()) -> UnconstrainedModel:
    """Express a model as a function of one unconstrained vector.

    Parameters
    ----------
    view : pm.Model
    variable_data : sequence of str
        Data containers whose values are read when a function of the model is called. The values of
        all other data containers are fixed now.
    """
    with interpreted_compilation():
        draw = dispersed_starts(view)
    values = [view.rvs_to_values[free] for free in view.free_RVs]
    # Chains start in their own threads, and the compiled functions are not thread-safe.
    lock = threading.Lock()

    def drawn(seed: int) -> np.ndarray:
        with lock:
            initial = draw(seed)
        return np.concatenate([np.ravel(initial[value.name]) for value in values]).astype(float)

    shapes = {name: np.shape(value) for name, value in draw(0).items()}
    size = sum(int(np.prod(shape)) for shape in shapes.values())
    point = pt.vector("point", shape=(size,))
    replacements: dict[Any, Any] = _constants(view, variable_data)
    position = 0
    for value in values:
        end = position + int(np.prod(shapes[value.name]))
        replacements[value] = point[position:end].reshape(shapes[value.name]).astype(value.dtype)
        position = end
    with double_precision():
        (density,) = stabilise(graph_replace([view.logp()], replacements, strict=False))
    start = StartingPoints(drawn, _count_impossible(view, point, replacements, lock))
    variables = [*view.free_RVs, *view.deterministics]
    natural = graph_replace(view.replace_rvs_by_values(variables), replacements, strict=False)
    names = [one.name for one in variables]
    return UnconstrainedModel(
        view, size, start, point, density, dict(zip(names, natural, strict=True))
    )


def _count_impossible(
    view: pm.Model, point: Any, replacements: Mapping[Any, Any], lock: threading.Lock
) -> Callable[[np.ndarray], Impossible]:
    """Make the function that counts the entries of each variable with density 0.

    It is compiled when it is first called. The values of data containers are those at the time of
    a call.
    """
    variables = view.basic_RVs
    compiled: list[Callable[..., list[np.ndarray]]] = []

    def count(at: np.ndarray) -> Impossible:
        with lock:
            if not compiled:
                with double_precision():
                    terms: Any = view.logp(vars=variables, sum=False)
                counts = [pt.sum(pt.invert(pt.isfinite(term))) for term in terms]
                graphs = graph_replace(counts, replacements, strict=False)
                compiled.append(compile_function([point], graphs))
            values = compiled[0](at)
        return {one.name: int(n) for one, n in zip(variables, values, strict=True)}

    return count


def _constants(view: pm.Model, variable_data: Sequence[str]) -> dict[Any, Any]:
    """Replace lengths of dimensions, and data other than `variable_data`, by constants.

    Constants leave less to compile and to compute.
    """
    containers = [*view.dim_lengths.values(), *view.data_vars]
    return {
        container: pt.constant(container.get_value(), name=container.name)
        for container in containers
        if isinstance(container, SharedVariable) and container.name not in variable_data
    }

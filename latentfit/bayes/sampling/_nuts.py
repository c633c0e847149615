"""Draws of θ from the posterior, by NUTS on the observed view."""

import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import arviz_base as azb
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.replace import graph_replace

from latentfit.bayes.sampling._backends import Backend, GradientFunction, compile_gradient
from latentfit.bayes.sampling._dispersed_starts import dispersed_starts
from latentfit.bayes.views import vectorise
from latentfit.declaration.compilation import double_precision, interpreted_compilation, stabilise

# NUTS adapts its step size until proposals are accepted with this probability. nutpie's default is
# 0.8; shorter steps cost little here, and avoid the occasional divergence in some thousand draws
# of skewed posteriors, which says nothing about the posterior.
_TARGET_ACCEPTANCE = 0.9


@dataclass(frozen=True)
class PreparedModel:
    """A model that is compiled for NUTS.

    Attributes
    ----------
    model : pm.Model
    size : int
        Number of unconstrained coordinates.
    start : callable
        From a seed to an unconstrained point, drawn from the prior.
    gradient : callable
        Makes the function for one chain that evaluates the log density and its gradient.
    point : TensorVariable
        The unconstrained vector of which `natural` are graphs.
    natural : dict
        Graphs of parameters and deterministics on the natural scale.
    """

    model: pm.Model
    size: int
    start: Callable[[int], np.ndarray]
    gradient: Callable[[], GradientFunction]
    point: Any
    natural: dict[str, Any]


def prepare_nuts(
    view: pm.Model, *, backend: Backend = "numba", variable_data: Sequence[str] = ()
) -> PreparedModel:
    """Compile a model for NUTS, which takes most of the time and is done once.

    Every chain will start from its own draw from the prior, so that chains which agree have
    converged from points that are far apart (Gelman & Rubin 1992, Statist. Sci. 7(4)).

    Parameters
    ----------
    view : pm.Model
    backend : {"numba", "jax", "c"}
        The back end that compiles the log density. Draws differ between back ends, because their
        rounding errors do.
    variable_data : sequence of str
        Data containers whose values are read when `sample_posterior` is called. The values of
        all other data containers are fixed now.

    Raises
    ------
    InputError
        The back end is not installed.
    """
    with interpreted_compilation():
        draw = dispersed_starts(view)
    values = [view.rvs_to_values[free] for free in view.free_RVs]
    # Chains start in their own threads, and the compiled function is not thread-safe.
    lock = threading.Lock()

    def start(seed: int) -> np.ndarray:
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
        with view:
            gradient = compile_gradient(point, (density, pytensor.grad(density, point)), backend)
        gradient()(start(0))
    variables = [*view.free_RVs, *view.deterministics]
    natural = graph_replace(view.replace_rvs_by_values(variables), replacements, strict=False)
    names = [one.name for one in variables]
    return PreparedModel(view, size, start, gradient, point, dict(zip(names, natural, strict=True)))


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


def sample_posterior(
    prepared: PreparedModel,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> xr.DataTree:
    """Draw from p(θ | x) by NUTS, with nutpie.

    Parameters
    ----------
    prepared : PreparedModel
        The observed view, as `prepare_nuts` returns it.
    draws, tune, chains : int
        Number of draws kept and of tuning draws discarded in each chain, and of chains.
    seed : int
    advance : callable
        Called repeatedly from another thread with the number of draws done so far in all chains,
        tuning draws included.

    Returns
    -------
    DataTree
        Groups ``posterior`` and ``sample_stats``.

    Notes
    -----
    An interrupt stops the chains and is then raised.
    """
    import nutpie

    def report(progress: Sequence[Any]) -> None:
        advance(sum(chain.finished_draws for chain in progress))

    sampler = nutpie.sample(
        _nutpie_model(prepared),
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        target_accept=_TARGET_ACCEPTANCE,
        progress_bar=False,
        progress_callback=report,
        save_warmup=False,
        blocking=False,
    )
    try:
        tree = sampler.wait()
    except BaseException:
        sampler.cancel()
        raise
    return xr.DataTree.from_dict(
        {
            "posterior": _natural_draws(prepared, tree["posterior"]["point"].values),
            "sample_stats": tree["sample_stats"].to_dataset(),
        }
    )


def _nutpie_model(prepared: PreparedModel) -> Any:
    """Build nutpie's model, which keeps nothing of a draw but the unconstrained point."""
    from nutpie.compiled_pyfunc import from_pyfunc

    return from_pyfunc(
        ndim=prepared.size,
        make_logp_fn=lambda: _with_persistent_thread_state(prepared.gradient()),
        make_expand_fn=lambda *seeds_and_chain: lambda point: {"point": point},
        make_initial_point_fn=prepared.start,
        expanded_names=["point"],
        expanded_dtypes=[np.dtype(float)],
        expanded_shapes=[(prepared.size,)],
    )


def _with_persistent_thread_state(gradient: GradientFunction) -> GradientFunction:
    """Keep Python's state of the calling thread between the calls of a function.

    nutpie's threads were not started by Python, which creates a state for such a thread at each
    call and destroys it afterwards. Memory is then mapped and unmapped, for which the threads of
    all chains wait. One additional reference to the state, which is never released, keeps it for
    as long as the process lives.
    """
    kept = False

    def called(at: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal kept
        if not kept:
            ctypes.pythonapi.PyGILState_Ensure()
            kept = True
        return gradient(at)

    return called


def _natural_draws(prepared: PreparedModel, points: np.ndarray) -> xr.Dataset:
    """Evaluate parameters and deterministics at unconstrained draws, (chain, draw, coordinate)."""
    chains, draws, size = points.shape
    stacked = xr.Dataset({"point": (("sample", "coordinate"), points.reshape(-1, size))})
    graphs = list(prepared.natural.values())
    batches = [results for _, results in vectorise(graphs, {"point": prepared.point})(stacked)]
    values = {
        name: np.concatenate(parts).reshape(chains, draws, *parts[0].shape[1:])
        for name, parts in zip(prepared.natural, zip(*batches, strict=True), strict=True)
    }
    model = prepared.model
    dims: dict[Any, Any] = {name: list(model.named_vars_to_dims.get(name) or ()) for name in values}
    coords: dict[Any, Any] = {
        name: list(labels) for name, labels in model.coords.items() if labels is not None
    }
    dataset: xr.Dataset = azb.dict_to_dataset(
        values, coords=coords, dims=dims, sample_dims=["chain", "draw"]
    )
    return dataset

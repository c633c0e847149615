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
from pymc.initial_point import make_initial_point_fn
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.replace import graph_replace

from latentfit.bayes._backends import Backend, Gradient, compiled
from latentfit.bayes._draws import vectorised
from latentfit.declaration import double_precision, interpreting, stable


@dataclass(frozen=True)
class Prepared:
    """A model made ready for NUTS.

    Attributes
    ----------
    model : pm.Model
    size : int
        Number of unconstrained coordinates.
    start : callable
        An unconstrained point for a seed, drawn from the prior.
    gradient : callable
        Makes the log-density with its gradient for one chain.
    point : TensorVariable
        The unconstrained vector of which `natural` are graphs.
    natural : dict
        Parameters and deterministics on their natural scale.
    """

    model: pm.Model
    size: int
    start: Callable[[int], np.ndarray]
    gradient: Callable[[], Gradient]
    point: Any
    natural: dict[str, Any]


def prepare(
    view: pm.Model, *, backend: Backend = "numba", variable: Sequence[str] = ()
) -> Prepared:
    """Compile a model for NUTS: by far the longest part, and needed once.

    Every chain will start from a draw of its own from the prior, so that chains that agree
    have come from far apart (Gelman & Rubin 1992, Statist. Sci. 7(4)).

    Parameters
    ----------
    view : pm.Model
    backend : {"numba", "jax", "c"}
        What compiles the log-density. Draws differ between them, as rounding does.
    variable : sequence of str
        Data containers whose values `sample` is to take as they are by then; all others are
        taken as they are now.

    Raises
    ------
    InputError
        The back end is not installed.
    """
    with interpreting():
        draw = make_initial_point_fn(model=view, default_strategy="prior")
    values = [view.rvs_to_values[free] for free in view.free_RVs]
    # Chains start in threads of their own, and this function has but one memory.
    lock = threading.Lock()

    def start(seed: int) -> np.ndarray:
        with lock:
            found = draw(seed)
        return np.concatenate([np.ravel(found[value.name]) for value in values]).astype(float)

    shapes = {name: np.shape(value) for name, value in draw(0).items()}
    size = sum(int(np.prod(shape)) for shape in shapes.values())
    point = pt.vector("point", shape=(size,))
    given: dict[Any, Any] = _fixed(view, variable)
    position = 0
    for value in values:
        end = position + int(np.prod(shapes[value.name]))
        given[value] = point[position:end].reshape(shapes[value.name]).astype(value.dtype)
        position = end
    with double_precision():
        (density,) = stable(graph_replace([view.logp()], given, strict=False))
        with view:
            gradient = compiled(point, (density, pytensor.grad(density, point)), backend)
        gradient()(start(0))
    variables = [*view.free_RVs, *view.deterministics]
    natural = graph_replace(view.replace_rvs_by_values(variables), given, strict=False)
    names = [found.name for found in variables]
    return Prepared(view, size, start, gradient, point, dict(zip(names, natural, strict=True)))


def _fixed(view: pm.Model, variable: Sequence[str]) -> dict[Any, Any]:
    """Lengths of dimensions and data as constants, which leave less to compute and to compile."""
    containers = [*view.dim_lengths.values(), *view.data_vars]
    return {
        held: pt.constant(held.get_value(), name=held.name)
        for held in containers
        if isinstance(held, SharedVariable) and held.name not in variable
    }


def sample(
    prepared: Prepared,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> xr.DataTree:
    """Sample p(θ | x) with nutpie.

    Parameters
    ----------
    prepared : Prepared
        The observed view, as `prepare` returns it.
    draws, tune, chains : int
        Draws kept and discarded a chain; number of chains.
    seed : int
    advance : callable
        Called now and then, from another thread, with the number of draws done in all chains,
        tuning included.

    Returns
    -------
    DataTree
        Groups ``posterior`` and ``sample_stats``.

    Notes
    -----
    An interrupt stops the chains before it is passed on.
    """
    import nutpie

    def report(progress: Sequence[Any]) -> None:
        advance(sum(chain.finished_draws for chain in progress))

    sampler = nutpie.sample(
        _posed(prepared),
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        # Above nutpie's 0.8: shorter steps cost little here, and spare skewed posteriors the
        # divergence in some thousand draws that says nothing.
        target_accept=0.9,
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
            "posterior": _natural(prepared, tree["posterior"]["point"].values),
            "sample_stats": tree["sample_stats"].to_dataset(),
        }
    )


def _posed(prepared: Prepared) -> Any:
    """The problem as nutpie takes it; all that it keeps of a draw is the unconstrained point."""
    from nutpie.compiled_pyfunc import from_pyfunc

    return from_pyfunc(
        ndim=prepared.size,
        make_logp_fn=lambda: _staying(prepared.gradient()),
        make_expand_fn=lambda *seeds_and_chain: lambda point: {"point": point},
        make_initial_point_fn=prepared.start,
        expanded_names=["point"],
        expanded_dtypes=[np.dtype(float)],
        expanded_shapes=[(prepared.size,)],
    )


def _staying(gradient: Gradient) -> Gradient:
    """A gradient whose thread stays known to Python after the first call.

    nutpie's threads are not Python's. Python makes a state for such a thread at each call and
    destroys it afterwards: memory is mapped and unmapped, for which the threads of all chains wait.
    Asked for once more and not given back, the state lasts as long as the process.
    """
    known = False

    def called(at: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal known
        if not known:
            ctypes.pythonapi.PyGILState_Ensure()
            known = True
        return gradient(at)

    return called


def _natural(prepared: Prepared, points: np.ndarray) -> xr.Dataset:
    """Parameters and deterministics at unconstrained draws, ``(chain, draw, coordinate)``."""
    chains, draws, size = points.shape
    stacked = xr.Dataset({"point": (("sample", "coordinate"), points.reshape(-1, size))})
    graphs = list(prepared.natural.values())
    parts = [found for _, found in vectorised(graphs, {"point": prepared.point})(stacked)]
    values = {
        name: np.concatenate(part).reshape(chains, draws, *part[0].shape[1:])
        for name, part in zip(prepared.natural, zip(*parts, strict=True), strict=True)
    }
    model = prepared.model
    dims: dict[Any, Any] = {name: list(model.named_vars_to_dims.get(name) or ()) for name in values}
    coords: dict[Any, Any] = {
        name: list(labels) for name, labels in model.coords.items() if labels is not None
    }
    found: xr.Dataset = azb.dict_to_dataset(
        values, coords=coords, dims=dims, sample_dims=["chain", "draw"]
    )
    return found

"""Draws of θ from the posterior, by NUTS on the observed view."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import arviz_base as azb
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pymc.initial_point import make_initial_point_fn
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.replace import graph_replace

from latentfit.bayes.derivatives import gradient
from latentfit.bayes.sampling._backends import Backend, GradientFunction, compile_gradient
from latentfit.bayes.sampling._chains import Chains
from latentfit.bayes.sampling._starting_points import Impossible, StartingPoints
from latentfit.bayes.views import vectorise
from latentfit.declaration.compilation import (
    compile_function,
    double_precision,
    interpreted_compilation,
    stabilise,
)
from latentfit.errors import DeclarationError

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
        From a seed to an unconstrained point with a finite log density, drawn from the prior.
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
        draw = make_initial_point_fn(model=view, default_strategy="prior")
    values = [view.rvs_to_values[free] for free in view.free_RVs]
    # Chains start in their own threads, and the compiled function is not thread-safe.
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
        with view:
            evaluate = compile_gradient(point, (density, gradient(density, point)), backend)
        evaluate()(drawn(0))
    count_impossible = _count_impossible(view, point, replacements, lock)
    start = StartingPoints(drawn, count_impossible)
    variables = [*view.free_RVs, *view.deterministics]
    natural = graph_replace(view.replace_rvs_by_values(variables), replacements, strict=False)
    names = [one.name for one in variables]
    return PreparedModel(view, size, start, evaluate, point, dict(zip(names, natural, strict=True)))


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

    Raises
    ------
    DeclarationError
        A chain cannot start, because its log density or the gradient is not finite.

    Notes
    -----
    An interrupt stops the chains and is then raised.
    """
    import nutpie

    def report(progress: Sequence[Any]) -> None:
        advance(sum(chain.finished_draws for chain in progress))

    functions = Chains(prepared.start, prepared.gradient)
    sampler = nutpie.sample(
        _nutpie_model(prepared, functions),
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
    except RuntimeError as error:
        functions.stop()
        if functions.error is not None:
            raise functions.error from None
        # The lines that follow are a trace of nutpie's own code.
        first, *_ = str(error).splitlines() or [""]
        raise DeclarationError(
            f"NUTS stopped: {first}. The log density or its gradient is not finite where a chain "
            f"starts"
        ) from None
    except BaseException:
        sampler.cancel()
        functions.stop()
        raise
    return xr.DataTree.from_dict(
        {
            "posterior": _natural_draws(prepared, tree["posterior"]["point"].values),
            "sample_stats": tree["sample_stats"].to_dataset(),
        }
    )


def _nutpie_model(prepared: PreparedModel, functions: Chains) -> Any:
    """Build nutpie's model, which keeps nothing of a draw but the unconstrained point."""
    from nutpie.compiled_pyfunc import from_pyfunc

    return from_pyfunc(
        ndim=prepared.size,
        make_logp_fn=functions.gradient,
        make_expand_fn=lambda *seeds_and_chain: lambda point: {"point": point},
        make_initial_point_fn=functions.start,
        expanded_names=["point"],
        expanded_dtypes=[np.dtype(float)],
        expanded_shapes=[(prepared.size,)],
    )


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

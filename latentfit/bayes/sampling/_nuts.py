"""Draws of θ from the posterior, by NUTS on the observed view."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from latentfit.bayes.derivatives import gradient
from latentfit.bayes.sampling._backends import Backend, GradientFunction, compile_gradient
from latentfit.bayes.sampling._chains import Chains
from latentfit.bayes.sampling._unconstrained import UnconstrainedModel, unconstrained_model
from latentfit.declaration.compilation import double_precision
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
    unconstrained : UnconstrainedModel
    start : callable
        From a seed to an unconstrained point with a finite log density, drawn from the prior.
    gradient : callable
        Makes the function for one chain that evaluates the log density and its gradient.
    """

    unconstrained: UnconstrainedModel
    start: Callable[[int], np.ndarray]
    gradient: Callable[[], GradientFunction]

    @property
    def model(self) -> pm.Model:
        """The model from which NUTS draws."""
        return self.unconstrained.model

    @property
    def size(self) -> int:
        """Number of unconstrained coordinates."""
        return self.unconstrained.size


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
    unconstrained = unconstrained_model(view, variable_data)
    point, density, start = unconstrained.point, unconstrained.density, unconstrained.start
    with double_precision(), view:
        evaluate = compile_gradient(point, (density, gradient(density, point)), backend)
    # The first call compiles.
    evaluate()(start.draw(0))
    return PreparedModel(unconstrained, start, evaluate)


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
            "posterior": prepared.unconstrained.natural_draws(tree["posterior"]["point"].values),
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

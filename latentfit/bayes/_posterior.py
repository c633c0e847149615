"""Draws of θ from the posterior, by NUTS on the observed view."""

from collections.abc import Callable, Sequence
from typing import Any

import pymc as pm
import xarray as xr

from latentfit.declaration import double_precision


def prepare(view: pm.Model) -> Any:
    """Compile a model for NUTS: by far the longest part, and needed once.

    Every chain will start from a draw of its own from the prior, so that chains that agree
    have come from far apart (Gelman & Rubin 1992, Statist. Sci. 7(4)).
    """
    import nutpie

    with double_precision():
        return nutpie.compile_pymc_model(view, default_initialization_strategy="prior")


def sample(
    prepared: Any,
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
    prepared
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
        prepared,
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
        {name: tree[name].to_dataset() for name in ("posterior", "sample_stats")}
    )

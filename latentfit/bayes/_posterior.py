"""Draws of θ from the posterior, by NUTS on the observed view."""

from collections.abc import Callable, Sequence
from typing import Any

import pymc as pm
import xarray as xr


def sample(
    view: pm.Model,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    compiled: Callable[[], None] = lambda: None,
    advance: Callable[[int], None] = lambda done: None,
) -> xr.DataTree:
    """Sample p(θ | x) with nutpie.

    Every chain starts from a draw of its own from the prior, so that chains that agree have
    come from far apart (Gelman & Rubin 1992, Statist. Sci. 7(4)).

    Parameters
    ----------
    view : pm.Model
        The observed view.
    draws, tune, chains : int
        Draws kept and discarded a chain; number of chains.
    seed : int
    compiled, advance : callable
        Called when compilation is over, and now and then with the number of draws done,
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

    model = nutpie.compile_pymc_model(view, default_initialization_strategy="prior")
    compiled()

    def report(progress: Sequence[Any]) -> None:
        advance(sum(chain.finished_draws for chain in progress))

    sampler = nutpie.sample(
        model,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
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

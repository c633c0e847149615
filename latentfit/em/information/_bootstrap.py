"""Standard errors by the parametric bootstrap.

Data are simulated from the model at the estimates, EM is run on them, and this is repeated B times:
the standard error is the standard deviation of the B estimates (Efron & Tibshirani 1993, An
Introduction to the Bootstrap, section 6.5). The method needs neither derivatives nor a large
sample; it assumes that the model is true, and takes B runs of EM. Its Monte Carlo error, by the
delta method from the fourth central moment m₄ of the estimates, is

    sd(se) = sqrt((m₄ - se⁴) / B) / (2 se),

which for normally distributed estimates is se / sqrt(2 B): 5 % with 200 replicates.

Not every sample has an estimate: a component may collapse or be left without observations, or EM
may not converge. Such samples are part of the sampling distribution, but the standard deviation is
that of samples with an estimate. They are therefore counted and reported. EM starts at the
estimates from which the data were simulated, close to those of the replicate, so that the
components of a mixture keep their numbers as long as they are well separated.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em.calls import call
from latentfit.em.executors import each
from latentfit.em.information._bootstrap_result import Bootstrap, Replicate, summarise
from latentfit.em.information._progress import OnStep, step_counter
from latentfit.em.layout import Layout, Params
from latentfit.em.results import Solution
from latentfit.errors import InputError, LatentfitError

# The Monte Carlo error is then 0.07 %.
_MAX_REPLICATES = 1_000_000


def bootstrap(
    simulate: Callable[[Params, np.random.Generator], Any],
    refit: Callable[[Any, Params], Solution],
    params: Mapping[str, Any],
    *,
    replicates: int = 200,
    seed: int | None = None,
    on_replicate: OnStep | None = None,
    executor: Any = None,
) -> Bootstrap:
    """Compute standard errors from EM on simulated data.

    Parameters
    ----------
    simulate : callable
        ``simulate(params, rng)`` returns simulated data, of the size and with the covariates of
        the data that were analysed.
    refit : callable
        ``refit(data, start)`` runs EM: ``em.run(e_step, m_step, data, start)``.
    params : mapping
        ``{name: array_like}``, natural scale: the estimates.
    replicates : int
        Number of simulated data sets, at least 2.
    seed : int, optional
        Determines all data sets. Each has a random generator of its own, spawned from the seed.
    on_replicate : callable, optional
        ``on_replicate(done, total)``, after each replicate.
    executor : Executor or Dask client, optional
        Runs EM on several data sets at the same time, as in `em.each`. The data are simulated in
        this process, and the result does not depend on the executor.

    Returns
    -------
    Bootstrap

    Raises
    ------
    InputError
        There are fewer than two replicates, or more than a million.
    StepError
        `simulate` raised an error, or all runs of EM did; then it is the first of their errors.
    ClusterError
        The executor lost its workers.
    """
    if replicates < 2:
        raise InputError(f"the bootstrap needs at least 2 replicates, not {replicates}")
    if replicates > _MAX_REPLICATES:
        raise InputError(
            f"the bootstrap takes at most {_MAX_REPLICATES} replicates, not {replicates}"
        )
    layout = Layout.of(params)
    packed = layout.pack(params, "params")
    natural = layout.unpack(packed)
    seed = secrets.randbits(31) if seed is None else seed
    advance = step_counter(on_replicate, replicates)
    rngs = np.random.default_rng(seed).spawn(replicates)
    samples = (call(simulate, "simulate", natural, rng) for rng in rngs)

    def replicate(data: Any) -> tuple[Replicate, LatentfitError | None]:
        try:
            solution = refit(data, natural)
        except LatentfitError as error:
            return Replicate(None, False, "error", str(error)), error
        stop = solution.stop
        outcome = stop.name.lower()
        return Replicate(solution.params, stop.converged, outcome, solution.message), None

    found, first_error = [], None
    for one, error in each(replicate, samples, executor):
        found.append(one)
        first_error = first_error or error
        advance()
    if first_error is not None and all(r.params is None for r in found):
        raise first_error
    return summarise(layout, packed, found, seed)

"""Stochastic EM (Celeux & Diebolt 1985, Computational Statistics Quarterly 2, 73-82).

The E step is replaced by one draw of the latent variables,

    z_k ~ p(z | x, θ_k),    θ_{k+1} = argmax_θ log p(x, z_k | θ).

θ_k is a Markov chain, which does not converge but has, under the usual conditions, a stationary
distribution. For n units this is approximately normal. Its mean is at a distance of order 1/n from
the MLE, less than a standard error. Its covariance Σ solves Σ = M Σ Mᵀ + C with the rate matrix M
of EM and the variance C of a single M step given the data, and is at most half of the covariance of
the MLE (Nielsen 2000, Bernoulli 6(3), 457-489). The chain's memory is as long as EM takes to
converge: its autocorrelations fall by EM's rate from one iteration to the next. The estimate is its
mean.

If the likelihood is invariant under an exchange of components, the chain may exchange them, and the
mean of a chain that has done so is meaningless: look at the trace.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from latentfit.em.layout import Layout
from latentfit.em.stochastic._approximation import OnIteration, Schedule, approximate
from latentfit.em.stochastic._arguments import seeded_generator, whole_number
from latentfit.em.stochastic._batches import Batch
from latentfit.em.stochastic._result import StochasticSolution
from latentfit.em.stochastic._step_size import full_step
from latentfit.em.stochastic._steps import StochasticSteps


def sem(
    draw: Callable[..., Mapping[str, Any]],
    m_step: Callable[..., Mapping[str, Any]],
    data: Any,
    start: Mapping[str, Any],
    *,
    statistics: Callable[..., Mapping[str, Any]] | None = None,
    iterations: int = 1000,
    burn_in: int | None = None,
    seed: int | None = None,
    on_iteration: OnIteration | None = None,
) -> StochasticSolution:
    """Run stochastic EM; the estimate is the mean of the Markov chain after burn-in.

    Parameters
    ----------
    draw : callable
        ``draw(params, data, rng)`` draws the latents from p(z | x, θ) and returns what the E step
        would return if these draws were known: ``{name: array}``.
    m_step : callable
        EM's own: ``m_step(drawn, data)`` or ``m_step(drawn, data, params)`` returns the next
        params. With `statistics`, it is given the statistics instead of the draws.
    data : mapping
        ``{name: array}``, passed on to the functions unchanged.
    start : mapping
        ``{name: array_like}``, natural scale.
    statistics : callable, optional
        ``statistics(drawn, data)`` or ``statistics(drawn, data, params)``. They may depend on the
        params, because only the params are averaged.
    iterations : int
    burn_in : int, optional
        Number of iterations before the average begins; by default half of them.
    seed : int, optional
        Seed of the draws.
    on_iteration : callable, optional
        As in `online`.

    Returns
    -------
    StochasticSolution
        `monte_carlo_errors` are those of the mean of the chain; `standard_deviations` are the
        chain's own.

    Raises
    ------
    InputError, DeclarationError, StepError
        As in `online`.
    """
    layout = Layout.of(start)
    rng, seed = seeded_generator(seed)
    iterations = whole_number("iterations", iterations)
    discarded = iterations // 2
    if burn_in is not None:
        discarded = whole_number("burn_in", burn_in, 0, iterations - 1)
    return approximate(
        StochasticSteps(layout, draw, m_step, statistics, name="draw", extra=(rng,)),
        layout,
        start,
        itertools.repeat(Batch(data, data, 1.0, 0)),
        Schedule(full_step, discarded + 1),
        seed=seed,
        max_iterations=iterations,
        on_iteration=on_iteration,
    )

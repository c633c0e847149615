"""Stochastic EM (Celeux & Diebolt 1985, Computational Statistics Quarterly 2, 73-82).

The E step is replaced by one draw of the latent variables,

    z_k ~ p(z | x, θ_k),    θ_{k+1} = argmax_θ log p(x, z_k | θ),

and θ_k is a Markov chain, which has no limit but, under the usual conditions, a stationary
distribution. For n units that is about normal, centred less than a standard error away from the
MLE, at a distance of order 1/n, with covariance Σ that solves Σ = M Σ Mᵀ + C for the rate matrix M
of EM and the variance C of a single M step given the data: at most half of the covariance of the
MLE (Nielsen 2000, Bernoulli 6(3), 457-489). The chain remembers as long as EM takes to converge:
its autocorrelations fall by EM's rate from one iteration to the next. Its mean is the estimate.

Where exchanging components changes nothing, the chain may exchange them, and the mean of a chain
that has done so is none of anything: look at the course.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from latentfit.em.layout import Layout
from latentfit.em.stochastic._approximation import OnIteration, Schedule, approximate
from latentfit.em.stochastic._arguments import generator, whole
from latentfit.em.stochastic._parts import Part
from latentfit.em.stochastic._result import StochasticSolution
from latentfit.em.stochastic._step_size import every_step_full
from latentfit.em.stochastic._steps import Steps


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
    """Run stochastic EM; the estimate is the mean of the chain after burn-in.

    Parameters
    ----------
    draw : callable
        ``draw(params, data, rng)`` returns what the E step would if the latents were known to be
        those that it draws from p(z | x, θ): ``{name: array}``.
    m_step : callable
        EM's own: ``m_step(drawn, data)`` or ``m_step(drawn, data, params)`` returns the next
        params. With `statistics` it is given these in place of what was drawn.
    data : mapping
        ``{name: array}``, handed on as it is.
    start : mapping
        ``{name: array_like}``, natural scale.
    statistics : callable, optional
        ``statistics(drawn, data)`` or ``statistics(drawn, data, params)``: as nothing is averaged
        but the params, they may depend on them.
    iterations : int
    burn_in : int, optional
        Iterations before the mean begins; half of all, if it is not given.
    seed : int, optional
        Settles the draws.
    on_iteration : callable, optional
        As in `online`.

    Returns
    -------
    StochasticSolution
        `monte_carlo_errors` belong to the mean of the chain; `spread` is the chain's own standard
        deviation.

    Raises
    ------
    InputError, DeclarationError, StepError
        As in `online`.
    """
    layout = Layout.of(start)
    rng, seed = generator(seed)
    iterations = whole("iterations", iterations)
    burned = iterations // 2 if burn_in is None else whole("burn_in", burn_in, 0, iterations - 1)
    return approximate(
        Steps(layout, draw, m_step, statistics, name="draw", extra=(rng,)),
        layout,
        start,
        itertools.repeat(Part(data, data, 1.0, 0)),
        Schedule(every_step_full, burned + 1),
        seed=seed,
        limit=iterations,
        on_iteration=on_iteration,
    )

"""Stochastic approximation EM.

Delyon, Lavielle & Moulines (1999), Annals of Statistics 27(1), 94-128. Where the expectations of
the E step have no closed form but the latent variables can be drawn, z_k ~ p(z | x, θ):

    s ← s + γ_k (S(x, z_k) - s),    θ ← m_step(s).

With γ_k = 1 in the first K₁ iterations θ moves as fast as EM and settles down to a random
sequence about the MLE; then γ_k = (k - K₁)^(-α) averages the noise away. In the second phase θ
hardly goes anywhere: it moves as far as EM does in Σ γ_k iterations. So K₁ is to be at least the
number of iterations that EM would need. S may as well be the mean over several draws, which has
less noise.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from latentfit.em.layout import Layout
from latentfit.em.stochastic._approximation import OnIteration, Schedule, approximate
from latentfit.em.stochastic._arguments import generator, whole
from latentfit.em.stochastic._parts import Part
from latentfit.em.stochastic._result import StochasticSolution
from latentfit.em.stochastic._statistics import refuse_params
from latentfit.em.stochastic._step_size import EXPONENT, StepSize
from latentfit.em.stochastic._steps import Steps


def saem(
    draw: Callable[..., Mapping[str, Any]],
    statistics: Callable[..., Mapping[str, Any]],
    m_step: Callable[..., Mapping[str, Any]],
    data: Any,
    start: Mapping[str, Any],
    *,
    iterations: int = 1000,
    exploration: int | None = None,
    exponent: float = EXPONENT,
    offset: float = 0.0,
    average_from: int | None = None,
    seed: int | None = None,
    on_iteration: OnIteration | None = None,
) -> StochasticSolution:
    """Run stochastic approximation EM.

    Parameters
    ----------
    draw : callable
        ``draw(params, data, rng)`` returns what the E step would if the latents were known to be
        those that it draws from p(z | x, θ): ``{name: array}``.
    statistics : callable
        ``statistics(drawn, data)`` returns ``{name: array}``, sums over units, which must not
        depend on the parameters: see `latentfit.em.stochastic`.
    m_step : callable
        ``m_step(statistics, data)`` or ``m_step(statistics, data, params)`` returns the next
        params.
    data : mapping
        ``{name: array}``, handed on as it is.
    start : mapping
        ``{name: array_like}``, natural scale.
    iterations : int
    exploration : int, optional
        K₁, the iterations with γ = 1, not all of them; half, if it is not given.
    exponent : float
        α of γ_k = (k - K₁ + k₀)^(-α), in (1/2, 1].
    offset : float
        k₀.
    average_from : int, optional
        The first iteration whose params are averaged: without, the later half of those after K₁
        are.
    seed : int, optional
        Settles the draws.
    on_iteration : callable, optional
        As in `online`.

    Returns
    -------
    StochasticSolution
        Its `movement` tells how far it still moves, and `last` is the estimate without an average.

    Raises
    ------
    InputError, DeclarationError, StepError
        As in `online`.
    """
    refuse_params(statistics)
    layout = Layout.of(start)
    rng, seed = generator(seed)
    iterations = whole("iterations", iterations)
    full = iterations // 2
    if exploration is not None:
        full = whole("exploration", exploration, 0, iterations - 1)
    if average_from is None:
        average_from = full + (iterations - full) // 2 + 1
    average_from = whole("average_from", average_from, 1, iterations)
    return approximate(
        Steps(layout, draw, m_step, statistics, name="draw", extra=(rng,)),
        layout,
        start,
        itertools.repeat(Part(data, data, 1.0, 0)),
        Schedule(StepSize(exponent, offset, full), average_from),
        seed=seed,
        limit=iterations,
        on_iteration=on_iteration,
    )

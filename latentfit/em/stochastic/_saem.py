"""Stochastic approximation EM, SAEM.

Delyon, Lavielle & Moulines (1999), Annals of Statistics 27(1), 94-128. If the expectations of the E
step have no closed form, but the latent variables can be drawn, z_k ~ p(z | x, θ):

    s ← s + γ_k (S(x, z_k) - s),    θ ← m_step(s).

With γ_k = 1 in the first K₁ iterations, θ approaches the MLE as fast as in EM and then fluctuates
around it. After that γ_k = (k - K₁)^(-α) averages the noise out. In the second phase θ changes
little more: as much as in Σ γ_k iterations of EM. K₁ should therefore be at least the number of
iterations that EM would need. S may also be the mean over several draws, which reduces the noise.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from latentfit.em.layout import Layout
from latentfit.em.stochastic._approximation import OnIteration, Schedule, approximate
from latentfit.em.stochastic._arguments import seeded_generator, whole_number
from latentfit.em.stochastic._batches import Batch
from latentfit.em.stochastic._result import StochasticSolution
from latentfit.em.stochastic._statistics import refuse_params
from latentfit.em.stochastic._step_size import EXPONENT, StepSize
from latentfit.em.stochastic._steps import StochasticSteps


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
        ``draw(params, data, rng)`` draws the latents from p(z | x, θ) and returns what the E step
        would return if these draws were known: ``{name: array}``.
    statistics : callable
        ``statistics(drawn, data)`` returns ``{name: array}``, sums over units, which must not
        depend on the parameters: see `latentfit.em.stochastic`.
    m_step : callable
        ``m_step(statistics, data)`` or ``m_step(statistics, data, params)`` returns the next
        params.
    data : mapping
        ``{name: array}``, passed on to the functions unchanged.
    start : mapping
        ``{name: array_like}``, natural scale.
    iterations : int
    exploration : int, optional
        K₁, the number of iterations with γ = 1, fewer than all; by default half of them.
    exponent : float
        α of γ_k = (k - K₁ + k₀)^(-α), in (1/2, 1].
    offset : float
        k₀.
    average_from : int, optional
        The first iteration whose params are averaged; by default the later half of the iterations
        after K₁ is averaged.
    seed : int, optional
        Seed of the draws.
    on_iteration : callable, optional
        As in `online`.

    Returns
    -------
    StochasticSolution
        `drift` shows how much the estimate still changes; `last` is the estimate without averaging.

    Raises
    ------
    InputError, DeclarationError, StepError
        As in `online`.
    """
    refuse_params(statistics)
    layout = Layout.of(start)
    rng, seed = seeded_generator(seed)
    iterations = whole_number("iterations", iterations)
    full_steps = iterations // 2
    if exploration is not None:
        full_steps = whole_number("exploration", exploration, 0, iterations - 1)
    if average_from is None:
        average_from = full_steps + (iterations - full_steps) // 2 + 1
    average_from = whole_number("average_from", average_from, 1, iterations)
    return approximate(
        StochasticSteps(layout, draw, m_step, statistics, name="draw", extra=(rng,)),
        layout,
        start,
        itertools.repeat(Batch(data, data, 1.0, 0)),
        Schedule(StepSize(exponent, offset, full_steps), average_from),
        seed=seed,
        max_iterations=iterations,
        on_iteration=on_iteration,
    )

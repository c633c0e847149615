"""Online and mini-batch EM.

With data of n units, the E step of EM processes all of them before the first M step. Online EM
(Cappé & Moulines 2009, Journal of the Royal Statistical Society B 71(3), 593-613) processes one
batch B at a time:

    s ← s + γ_k (n / |B| · S(B; θ) - s),    θ ← m_step(s),

where S(B; θ) is the expectation of the sufficient statistics of the units of B. Because the batch
is random, n / |B| · S(B; θ) is an unbiased estimate of EM's own S(θ), so that on average s moves
towards S(m_step(s)), and the stationary points are the fixed points of EM. For s to converge to
them γ_k must tend to zero, see `latentfit.em.stochastic._step_size`.

On a stream, where each unit is seen once, the limit is not an MLE but the parameters whose model is
closest to the distribution of the units. The mean of the iterates approaches it as fast as the MLE
of the units over which it is averaged would. Its Monte Carlo standard errors are then approximately
those of the estimate; while the run has not settled they are too small, by up to a half. On data of
fixed size, of which each pass is a random partition, the limit is the MLE of these data. The noise
that comes from the order of the units cancels over a pass; the Monte Carlo standard errors do not
take this into account and are rather too large.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from latentfit.em.layout import Layout
from latentfit.em.stochastic._approximation import OnIteration, Schedule, approximate
from latentfit.em.stochastic._arguments import seeded_generator, whole_number
from latentfit.em.stochastic._batches import (
    Batch,
    batch_count,
    random_batches,
    split_data,
    stream_batches,
)
from latentfit.em.stochastic._result import StochasticSolution
from latentfit.em.stochastic._statistics import refuse_params
from latentfit.em.stochastic._step_size import EXPONENT, StepSize
from latentfit.em.stochastic._steps import StochasticSteps
from latentfit.errors import InputError

_DEFAULT_PASSES = 2
_DEFAULT_BATCH_SIZE = 100


def online(
    e_step: Callable[..., Mapping[str, Any]],
    statistics: Callable[..., Mapping[str, Any]],
    m_step: Callable[..., Mapping[str, Any]],
    data: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    start: Mapping[str, Any],
    *,
    batch_size: int | None = None,
    passes: int | None = None,
    iterations: int | None = None,
    split: Sequence[str] | None = None,
    total: float | None = None,
    exponent: float = EXPONENT,
    offset: float = 0.0,
    units_before_m_step: int = 20,
    average_from: int | None = None,
    seed: int | None = None,
    on_iteration: OnIteration | None = None,
) -> StochasticSolution:
    """Run online EM over random batches of the data, or over a stream of batches.

    Parameters
    ----------
    e_step : callable
        ``e_step(params, batch)`` returns ``{name: expectation}`` for the units of a batch.
    statistics : callable
        ``statistics(expectations, batch)`` returns ``{name: array}``, sums over units with the same
        shapes for every batch. If the M step divides by the number of units, this number must be
        one of the sums. They must not depend on the parameters: see `latentfit.em.stochastic`.
    m_step : callable
        ``m_step(statistics, shared)`` or ``m_step(statistics, shared, params)`` returns the next
        params. `shared` contains the entries of the data that are not split, and is an empty
        mapping if there are none.
    data : mapping, or iterable of mappings
        ``{name: array}``, from which batches are taken: in each pass a new random partition of the
        units. Or a stream: the batches themselves, in the order in which they are used.
    start : mapping
        ``{name: array_like}``, natural scale.
    batch_size : int, optional
        Largest number of units in a batch, by default 100. The noise of the mean hardly depends on
        it. Smaller batches, however, are more steps, and bring the run closer to its limit: as
        close as Σ γ_k iterations of EM, about k^(1 - α) / (1 - α) for k batches.
    passes : int, optional
        Number of passes over the data, by default 2.
    iterations : int, optional
        Largest number of batches. A stream is otherwise read to its end.
    split : sequence of str, optional
        Names of the arrays that have one row for each unit; by default all arrays of at least one
        dimension.
    total : float, optional
        For a stream, the number of units to which the statistics of a batch are scaled. By default
        1, which is fine for an M step that only depends on ratios of sums. Without a stream it is
        the number of units in the data.
    exponent : float
        α of γ_k = (k + k₀)^(-α), in (1/2, 1].
    offset : float
        k₀. The first s is that of the first batch, whatever γ_1 is.
    units_before_m_step : int
        Number of units to process before the first M step, since one or two units may not
        determine the parameters; at most all of the data.
    average_from : int, optional
        The first iteration whose params are averaged; by default the later half of the iterations
        is averaged.
    seed : int, optional
        Seed of the random batches.
    on_iteration : callable, optional
        ``on_iteration(iteration, params)``, called after each batch. Exceptions and interrupts
        propagate.

    Returns
    -------
    StochasticSolution
        Also if a value is not finite, a component collapses, or a component has no observations
        left: ``stop`` then says so.

    Raises
    ------
    InputError
        The data cannot be split, the exponent is outside the theory, or a number is out of range.
    DeclarationError
        A function does not return what it should, or `statistics` takes the params.
    StepError
        A function raised an error that no degeneracy explains.
    """
    refuse_params(statistics)
    layout = Layout.of(start)
    rng, seed = seeded_generator(seed)
    limit = None if iterations is None else whole_number("iterations", iterations)
    batches: Iterator[Batch]
    if isinstance(data, Mapping):
        rows = split_data(data, split)
        size = _DEFAULT_BATCH_SIZE
        if batch_size is not None:
            size = whole_number("batch_size", batch_size)
        planned_passes = whole_number("passes", _DEFAULT_PASSES if passes is None else passes)
        planned = planned_passes * batch_count(rows.units, size)
        limit = planned if limit is None else min(limit, planned)
        if total is not None:
            raise InputError(
                "total is for streams only: the number of units of the given data is known"
            )
        batches = random_batches(rows, size, rng)
        units_before_m_step = min(
            whole_number("units_before_m_step", units_before_m_step, 0), rows.units
        )
    else:
        if batch_size is not None or passes is not None:
            raise InputError(
                "batch_size and passes are not for streams: a stream has its own batches"
            )
        if total is not None and not total > 0:
            raise InputError(f"total must be positive, not {total!r}")
        if not isinstance(data, Iterable):
            raise InputError(
                f"data should be a mapping {{name: array}} or an iterable of such batches, not of "
                f"type {type(data).__name__}"
            )
        batches = stream_batches(data, split, 1.0 if total is None else total)
    if average_from is not None:
        average_from = whole_number("average_from", average_from, 1, limit)
    elif limit is not None and isinstance(data, Mapping):
        average_from = limit // 2 + 1
    schedule = Schedule(
        StepSize(exponent, offset),
        average_from,
        whole_number("units_before_m_step", units_before_m_step, 0),
    )
    solution = approximate(
        StochasticSteps(layout, e_step, m_step, statistics),
        layout,
        start,
        batches,
        schedule,
        seed=seed,
        max_iterations=limit,
        on_iteration=on_iteration,
    )
    if not solution.iterations and not solution.stop.degenerate:
        raise InputError("the stream contains no batch")
    return solution

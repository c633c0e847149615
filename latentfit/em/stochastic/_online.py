"""Online and mini-batch EM.

Of data of n units EM's E step takes all before the M step may do anything with them. Online EM
(Cappé & Moulines 2009, Journal of the Royal Statistical Society B 71(3), 593-613) takes a batch B
at a time:

    s ← s + γ_k (n / |B| · S(B; θ) - s),    θ ← m_step(s),

where S(B; θ) is the expectation of the sufficient statistics of the units of B. As the batch is
random, n / |B| · S(B; θ) is an unbiased estimate of EM's own S(θ), so that in the mean s moves
towards S(m_step(s)): what stays where it is are the fixed points of EM. It takes γ_k that tend to
zero to stay there, see `latentfit.em.stochastic._step_size`.

On a stream, where each unit comes once, the limit is no MLE but what the model is nearest to in
the distribution of the units, and the mean of the iterates approaches it as fast as the MLE of the
units that it is averaged over would. Its Monte Carlo standard errors are then about those of the
estimate, and fall short of them, by up to a half, while the run has not settled. With data at
hand, of which each pass is a random partition, the limit is their MLE; noise that comes from the
order of the units cancels over a pass, and the Monte Carlo standard errors, which do not know
that, are rather too large.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from latentfit.em.layout import Layout
from latentfit.em.stochastic._approximation import OnIteration, Schedule, approximate
from latentfit.em.stochastic._arguments import generator, whole
from latentfit.em.stochastic._parts import Part, batch_count, permuted, rows_of, streamed
from latentfit.em.stochastic._result import StochasticSolution
from latentfit.em.stochastic._statistics import refuse_params
from latentfit.em.stochastic._step_size import EXPONENT, StepSize
from latentfit.em.stochastic._steps import Steps
from latentfit.errors import InputError

_PASSES = 2
_BATCH = 100


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
    hold: int = 20,
    average_from: int | None = None,
    seed: int | None = None,
    on_iteration: OnIteration | None = None,
) -> StochasticSolution:
    """Run online EM over batches of the data, or over a stream of batches.

    Parameters
    ----------
    e_step : callable
        ``e_step(params, batch)`` returns ``{name: expectation}`` for the units of a batch.
    statistics : callable
        ``statistics(expectations, batch)`` returns ``{name: array}``, sums over units, of the same
        shapes for every batch; their number is one of them if the M step divides by it. They must
        not depend on the parameters: see `latentfit.em.stochastic`.
    m_step : callable
        ``m_step(statistics, shared)`` or ``m_step(statistics, shared, params)`` returns the next
        params. `shared` are the entries of the data that are not split, an empty mapping if there
        are none.
    data : mapping, or iterable of mappings
        ``{name: array}``, from which batches are taken: in each pass a new random partition of the
        units. Or the batches themselves, in the order in which they are to be used: a stream.
    start : mapping
        ``{name: array_like}``, natural scale.
    batch_size : int, optional
        Units in a batch, at most; 100 if it is not given. The noise of the mean hardly depends on
        it, but smaller batches are more steps, and the run goes further: as far as EM in Σ γ_k
        iterations, which is about k^(1 - α) / (1 - α) for k batches.
    passes : int, optional
        Over the data, 2 if it is not given.
    iterations : int, optional
        Batches at the most. A stream is otherwise used up.
    split : sequence of str, optional
        Names of the arrays that have one row for each unit: without, all that have a dimension.
    total : float, optional
        How many units the statistics are scaled to. All of the data, if it is not given; for a
        stream 1, which makes no difference to an M step that only knows ratios of sums.
    exponent : float
        α of γ_k = (k + k₀)^(-α), in (1/2, 1].
    offset : float
        k₀. Whatever γ_1 is, s begins with the first batch.
    hold : int
        Units to be seen before the first M step, which could make little of one or two; all of
        the data at the most.
    average_from : int, optional
        The first iteration whose params are averaged: without, the later half of them are.
    seed : int, optional
        Settles the batches.
    on_iteration : callable, optional
        ``on_iteration(iteration, params)``, after each batch. An error or an interrupt that is
        raised in it, or anywhere else, ends the run and is passed on.

    Returns
    -------
    StochasticSolution
        Where a value is not finite, a component collapses or has no observations left, too:
        ``stop`` says so.

    Raises
    ------
    InputError
        Data cannot be split, an exponent is outside of the theory, or a number out of range.
    DeclarationError
        A function does not return what it should, or `statistics` takes the params.
    StepError
        A function raised an error, and no collapse explains it.
    """
    refuse_params(statistics)
    layout = Layout.of(start)
    rng, seed = generator(seed)
    limit = None if iterations is None else whole("iterations", iterations)
    parts: Iterator[Part]
    if isinstance(data, Mapping):
        rows = rows_of(data, split)
        size = _BATCH if batch_size is None else whole("batch_size", batch_size)
        planned = whole("passes", _PASSES if passes is None else passes) * batch_count(
            rows.units, size
        )
        limit = planned if limit is None else min(limit, planned)
        if total is not None:
            raise InputError("total is for streams: of data at hand the number of units is known")
        parts = permuted(rows, size, rng)
        hold = min(whole("hold", hold, 0), rows.units)
    else:
        if batch_size is not None or passes is not None:
            raise InputError("batch_size and passes are for data at hand: a stream has its own")
        if total is not None and not total > 0:
            raise InputError(f"total must be positive, not {total!r}")
        if not isinstance(data, Iterable):
            raise InputError(
                f"data should be a mapping {{name: array}} or an iterable of such batches, not of "
                f"type {type(data).__name__}"
            )
        parts = streamed(data, split, 1.0 if total is None else total)
    if average_from is not None:
        average_from = whole("average_from", average_from, 1, limit)
    elif limit is not None and isinstance(data, Mapping):
        average_from = limit // 2 + 1
    schedule = Schedule(StepSize(exponent, offset), average_from, whole("hold", hold, 0))
    solution = approximate(
        Steps(layout, e_step, m_step, statistics),
        layout,
        start,
        parts,
        schedule,
        seed=seed,
        limit=limit,
        on_iteration=on_iteration,
    )
    if not solution.iterations and not solution.stop.degenerate:
        raise InputError("the stream holds no batch")
    return solution

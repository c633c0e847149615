"""EM from several starts."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from latentfit.em._short_runs import ShortRuns, with_best_marked
from latentfit.em._steps import Step
from latentfit.em.executors import each
from latentfit.em.fits import Fit, ShortRun, best_solution
from latentfit.em.loop import run
from latentfit.em.results import Solution
from latentfit.em.stopping import Stopping
from latentfit.errors import InputError


def fit(
    e_step: Step,
    m_step: Step,
    data: Any,
    starts: Iterable[Mapping[str, Any]],
    *,
    log_likelihood: Callable[..., float] | None = None,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    accelerate: str = "auto",
    on_start: Callable[[int, int], object] | None = None,
    executor: Any = None,
    short_runs: ShortRuns | None = None,
) -> Fit:
    """Run EM from every start; the best solution is the converged one with the highest likelihood.

    Parameters
    ----------
    e_step, m_step, data, log_likelihood, stopping, accelerate
        As in `run`.
    starts : iterable of mapping
        Starting params, natural scale.
    on_start : callable, optional
        ``on_start(done, total)``, called after each run.
    executor : Executor or Dask client, optional
        Where the runs are executed in parallel, see `each`; every run is sent the data.
    short_runs : ShortRuns, optional
        First run a few iterations from every start, without acceleration, and continue only from
        the best of these short runs.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        There is no start, short runs are requested without a log-likelihood that ranks them, or
        `accelerate` is not a known name.
    DeclarationError, StepError
        As in `run`.
    ClusterError
        The executor lost its workers.
    """
    starts = list(starts)
    if not starts:
        raise InputError("EM needs at least one start")
    if short_runs is not None and log_likelihood is None:
        raise InputError("short runs need a log_likelihood, which determines the best of them")

    def solve(start: Mapping[str, Any], stopping: Stopping, accelerate: str) -> Solution:
        return run(
            e_step,
            m_step,
            data,
            start,
            log_likelihood=log_likelihood,
            stopping=stopping,
            accelerate=accelerate,
        )

    total = len(starts) if short_runs is None else len(starts) + min(short_runs.keep, len(starts))
    done = 0

    def reported[T](result: T) -> T:
        nonlocal done
        done += 1
        if on_start is not None:
            on_start(done, total)
        return result

    runs: tuple[ShortRun, ...] = ()
    if short_runs is not None:
        short_stopping = short_runs.stopping

        def short_run(start: Mapping[str, Any]) -> ShortRun:
            return ShortRun.of(solve(start, short_stopping, "none"))

        finished = [reported(one) for one in each(short_run, starts, executor)]
        runs = with_best_marked(finished, short_runs.keep)
        starts = [one.continuation for one in runs if one.kept]
    full_run = partial(solve, stopping=stopping, accelerate=accelerate)
    solutions = tuple(reported(one) for one in each(full_run, starts, executor))
    return Fit(solutions, best_solution(solutions), runs)

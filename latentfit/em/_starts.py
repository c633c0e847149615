"""EM from several starts."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from latentfit.em._short_runs import Short, ShortRun, chosen
from latentfit.em.executors import each
from latentfit.em.loop import Step, run
from latentfit.em.results import Fit, Solution, ranked_best
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
    short: Short | None = None,
) -> Fit:
    """Run EM from every start and keep all ends; the best is the highest that converged.

    Parameters
    ----------
    e_step, m_step, data, log_likelihood, stopping, accelerate
        As in `run`.
    starts : iterable of mapping
        Starting params.
    on_start : callable, optional
        ``on_start(done, total)``, after each start.
    executor : Executor or Dask client, optional
        Where the starts run side by side, see `each`; the data go there with every one of them.
    short : Short, optional
        Begin with a few iterations, not accelerated, from every start, and go on from the best.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        There is no start, or no log-likelihood to tell which short runs are best; or as in
        `run`.
    DeclarationError, StepError
        As in `run`.
    ClusterError
        The executor lost its workers.
    """
    starts = list(starts)
    if not starts:
        raise InputError("EM needs at least one start")
    if short is not None and log_likelihood is None:
        raise InputError("short runs need a log_likelihood, by which the best of them go on")

    def ended(start: Mapping[str, Any], stopping: Stopping, accelerate: str) -> Solution:
        return run(
            e_step,
            m_step,
            data,
            start,
            log_likelihood=log_likelihood,
            stopping=stopping,
            accelerate=accelerate,
        )

    total = len(starts) if short is None else len(starts) + min(short.keep, len(starts))
    done = 0

    def told[T](result: T) -> T:
        nonlocal done
        done += 1
        if on_start is not None:
            on_start(done, total)
        return result

    runs: tuple[ShortRun, ...] = ()
    if short is not None:
        limit = short.stopping

        def begun(start: Mapping[str, Any]) -> ShortRun:
            return ShortRun.of(ended(start, limit, "none"))

        runs = chosen([told(one) for one in each(begun, starts, executor)], short.keep)
        starts = [one.onward for one in runs if one.kept]
    whole = partial(ended, stopping=stopping, accelerate=accelerate)
    solutions = tuple(told(one) for one in each(whole, starts, executor))
    return Fit(solutions, ranked_best(solutions), runs)

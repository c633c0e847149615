"""EM from several starts."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from latentfit.em._executor import each
from latentfit.em._loop import Step, run
from latentfit.em._result import Fit, Solution, ranked_best
from latentfit.em._stop import Stopping
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

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        There is no start; or as in `run`.
    DeclarationError, StepError
        As in `run`.
    ClusterError
        The executor lost its workers.
    """
    starts = list(starts)
    if not starts:
        raise InputError("EM needs at least one start")

    def ended(start: Mapping[str, Any]) -> Solution:
        return run(
            e_step,
            m_step,
            data,
            start,
            log_likelihood=log_likelihood,
            stopping=stopping,
            accelerate=accelerate,
        )

    solutions = []
    for solution in each(ended, starts, executor):
        solutions.append(solution)
        if on_start is not None:
            on_start(len(solutions), len(starts))
    return Fit(tuple(solutions), ranked_best(tuple(solutions)))

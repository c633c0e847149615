"""EM on data in chunks: the loop is `latentfit.em.run`, its E step a sum over the cluster."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from latentfit.em.calls import brief
from latentfit.em.distributed._distributed_steps import DistributedSteps, Step
from latentfit.em.fits import Fit, best_solution
from latentfit.em.layout import Params
from latentfit.em.loop import run as run_em
from latentfit.em.results import Solution
from latentfit.em.stopping import Stopping
from latentfit.errors import ClusterError, InputError


def run(
    steps: DistributedSteps,
    m_step: Step,
    start: Mapping[str, Any],
    *,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    accelerate: str = "auto",
    on_iteration: Callable[[int, Params], object] | None = None,
) -> Solution:
    """Run EM from one start.

    Parameters
    ----------
    steps : DistributedSteps
        The E step and the log-likelihood on the cluster.
    m_step : callable
        ``m_step(statistics, data)`` or ``m_step(statistics, data, params)``, which runs in this
        process; its data are the arguments that are not split.
    start, stopping, accelerate, on_iteration
        As in `latentfit.em.run`.

    Returns
    -------
    Solution
        Its `expectations` are the statistics.

    Raises
    ------
    ClusterError
        The cluster disappeared. `params` of the error are those of the last completed iteration,
        from which EM can be continued; the message gives them too.
    InputError, DeclarationError, StepError
        As in `latentfit.em.run`.
    """
    latest: tuple[int, Mapping[str, Any]] = (0, start)

    def remember(iteration: int, params: Params) -> None:
        nonlocal latest
        latest = iteration, params
        if on_iteration is not None:
            on_iteration(iteration, params)

    try:
        return run_em(
            steps.e_step,
            m_step,
            steps.m_step_data,
            start,
            log_likelihood=steps.log_likelihood if steps.has_log_likelihood else None,
            stopping=stopping,
            accelerate=accelerate,
            on_iteration=remember,
        )
    except ClusterError as error:
        iteration, params = latest
        values = ", ".join(f"{name} = {brief(value)}" for name, value in params.items())
        value = steps.known_log_likelihood(params)
        log_likelihood = f", log-likelihood {value:.10g}" if value is not None else ""
        raise ClusterError(
            f"{error}; EM had completed {iteration} iteration{'' if iteration == 1 else 's'}, with "
            f"{values}{log_likelihood}",
            params=params,
        ) from error


def fit(
    steps: DistributedSteps,
    m_step: Step,
    starts: Iterable[Mapping[str, Any]],
    *,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    accelerate: str = "auto",
    on_start: Callable[[int, int], object] | None = None,
    on_iteration: Callable[[int, Params], object] | None = None,
) -> Fit:
    """Run EM from every start, one after the other; each run uses the whole cluster.

    Parameters
    ----------
    steps, m_step, stopping, accelerate, on_iteration
        As in `run`.
    starts, on_start
        As in `latentfit.em.fit`.

    Raises
    ------
    ClusterError
        As in `run`; `fit` of the error contains the solutions from the starts that were completed.
    InputError, DeclarationError, StepError
        As in `latentfit.em.fit`. `DeclarationError` also if the statistics or the log-likelihood do
        not add over rows.
    """
    starts = list(starts)
    if not starts:
        raise InputError("EM needs at least one start")
    steps.check_additivity(starts[0])
    solutions: list[Solution] = []
    for number, start in enumerate(starts, 1):
        try:
            solution = run(
                steps,
                m_step,
                start,
                stopping=stopping,
                accelerate=accelerate,
                on_iteration=on_iteration,
            )
        except ClusterError as error:
            raise _with_completed_starts(error, solutions, len(starts)) from error
        solutions.append(solution)
        if on_start is not None:
            on_start(number, len(starts))
    return _fit_of(solutions)


def _with_completed_starts(
    error: ClusterError, solutions: Sequence[Solution], total: int
) -> ClusterError:
    if not solutions:
        return error
    completed = _fit_of(solutions)
    value = completed.log_likelihood
    best = "" if value is None else f", the best of them with log-likelihood {value:.10g}"
    count = len(solutions)
    message = (
        f"{error}, from start {count + 1} of {total}; {count} start{'' if count == 1 else 's'} had "
        f"been completed{best}"
    )
    return ClusterError(message, params=error.params, fit=completed)


def _fit_of(solutions: Sequence[Solution]) -> Fit:
    return Fit(tuple(solutions), best_solution(solutions))

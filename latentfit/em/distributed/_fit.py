"""EM on data in parts: the loop is `em.run`, the E step a sum over the cluster."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from latentfit.em.calls import brief
from latentfit.em.distributed._whole import Step, Whole
from latentfit.em.layout import Params
from latentfit.em.loop import run as run_here
from latentfit.em.results import Fit, Solution, ranked_best
from latentfit.em.stopping import Stopping
from latentfit.errors import ClusterError, InputError


def run(
    whole: Whole,
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
    whole : Whole
    m_step : callable
        ``m_step(statistics, data)`` or ``m_step(statistics, data, params)``; its data are the
        arguments that are not split.
    start, stopping, accelerate, on_iteration
        As in `em.run`.

    Returns
    -------
    Solution
        Its `expectations` are the statistics.

    Raises
    ------
    ClusterError
        The cluster went away. Its `params` are those after the last iteration, from which EM can
        go on: the message says which that was.
    InputError, DeclarationError, StepError
        As in `em.run`.
    """
    latest: tuple[int, Mapping[str, Any]] = (0, start)

    def keep(iteration: int, params: Params) -> None:
        nonlocal latest
        latest = iteration, params
        if on_iteration is not None:
            on_iteration(iteration, params)

    try:
        return run_here(
            whole.e_step,
            m_step,
            whole.data,
            start,
            log_likelihood=whole.log_likelihood if whole.measured else None,
            stopping=stopping,
            accelerate=accelerate,
            on_iteration=keep,
        )
    except ClusterError as error:
        iteration, params = latest
        values = ", ".join(f"{name} = {brief(value)}" for name, value in params.items())
        height = whole.known(params)
        at = f", log-likelihood {height:.10g}" if height is not None else ""
        raise ClusterError(
            f"{error}; still standing after {iteration} iteration{'' if iteration == 1 else 's'}: "
            f"{values}{at}",
            params=params,
        ) from error


def fit(
    whole: Whole,
    m_step: Step,
    starts: Iterable[Mapping[str, Any]],
    *,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    accelerate: str = "auto",
    on_start: Callable[[int, int], object] | None = None,
    on_iteration: Callable[[int, Params], object] | None = None,
) -> Fit:
    """Run EM from every start, one after the other: each has the whole cluster.

    Parameters
    ----------
    whole, m_step, stopping, accelerate, on_iteration
        As in `run`.
    starts, on_start
        As in `em.fit`.

    Raises
    ------
    ClusterError
        As in `run`; its `fit` is that of the starts that had ended.
    InputError, DeclarationError, StepError
        As in `em.fit`.
    """
    starts = list(starts)
    if not starts:
        raise InputError("EM needs at least one start")
    whole.verify(starts[0])
    solutions: list[Solution] = []
    for number, start in enumerate(starts, 1):
        try:
            solution = run(
                whole,
                m_step,
                start,
                stopping=stopping,
                accelerate=accelerate,
                on_iteration=on_iteration,
            )
        except ClusterError as error:
            raise _stranded(error, solutions, len(starts)) from error
        solutions.append(solution)
        if on_start is not None:
            on_start(number, len(starts))
    return _fit_of(solutions)


def _stranded(error: ClusterError, solutions: Sequence[Solution], total: int) -> ClusterError:
    if not solutions:
        return error
    ended = _fit_of(solutions)
    height = ended.log_likelihood
    best = "" if height is None else f", the best at log-likelihood {height:.10g}"
    message = f"{error}, from start {len(solutions) + 1} of {total}; the {len(solutions)} before"
    return ClusterError(f"{message} had ended{best}", params=error.params, fit=ended)


def _fit_of(solutions: Sequence[Solution]) -> Fit:
    return Fit(tuple(solutions), ranked_best(tuple(solutions)))

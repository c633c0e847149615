"""Both steps together: EM from the starts, monitored by the declaration's objective.

What goes wrong here follows from a wrong step, if one was found. It is a finding of its own only if
both steps, each on its own, were found right. A run that cannot be completed although both steps
are right contradicts nothing, and is a warning.
"""

from collections.abc import Sequence
from typing import Any

from latentfit import em
from latentfit.check import _limit_point, _monotonicity
from latentfit.check.calls import on_copies
from latentfit.check.examination import Examination
from latentfit.check.result import Check, Finding, Outcome, Severity
from latentfit.declaration import Params
from latentfit.em.fits import best_solution
from latentfit.errors import DeclarationError, StepError
from latentfit.supervision import Timeout, limited

# The runs of steps that are known to be wrong are short: they only show whether the objective
# decreases.
_MAX_ITERATIONS = 1000
_MAX_ITERATIONS_IF_WRONG = 50
# All runs together may take as long as so many calls of one step.
_TIME_LIMIT_CALLS = 10.0


def examine(
    examination: Examination,
    starts: Sequence[Params],
    timeout: float,
    *,
    steps_are_right: bool,
    numerical: bool = False,
) -> Outcome:
    """Run EM from several starts and examine the runs.

    Parameters
    ----------
    examination : Examination
    starts : sequence of dict
        Under the derivation's names, natural scale.
    timeout : float
        Seconds that one call of a step may take.
    steps_are_right : bool
        Whether neither step was found wrong.
    numerical : bool
        Whether the M step may maximise Q numerically, because it was not found to be exact.
    """
    density = examination.density

    def objective(params: Params, data: Any) -> float:
        point = density.space.locate(examination.to_model(params))
        return density.objective(point, prior=examination.with_prior)

    def run(start: Params) -> em.Solution:
        return em.run(
            on_copies(examination.e_step),
            on_copies(examination.m_step),
            examination.data,
            start,
            log_likelihood=objective if density.tractable else None,
            stopping=em.Stopping(
                max_iterations=_MAX_ITERATIONS if steps_are_right else _MAX_ITERATIONS_IF_WRONG
            ),
        )

    def run_all() -> tuple[list[em.Solution], list[tuple[int, Exception]]]:
        solutions, failures = [], []
        for number, start in enumerate(starts, 1):
            try:
                solutions.append(run(start))
            except Timeout:
                raise
            except Exception as error:  # the author's steps may raise anything
                failures.append((number, error))
        return solutions, failures

    try:
        solutions, failures = limited(run_all, _TIME_LIMIT_CALLS * timeout, "EM")()
    except Timeout as error:
        # Each step is fast enough, and that EM needs many iterations is not an error.
        detail = f"not examined: {error} and was stopped"
        return Outcome((Check("path.monotone", "skip", detail),))
    outcomes = [_stopped(failures)] if failures else []
    if solutions:
        fit = em.Fit(tuple(solutions), best_solution(solutions), ())
        outcomes.append(_monotonicity.examine(examination, fit, numerical=numerical))
        outcomes.append(_limit_point.examine(examination, fit, numerical=numerical))
    else:
        detail = "EM could not be run from any start"
        outcomes.append(Outcome((Check("path.monotone", "skip", detail),)))
    return Outcome(
        tuple(check for outcome in outcomes for check in outcome.checks),
        tuple(finding for outcome in outcomes for finding in outcome.findings)
        if steps_are_right
        else (),
    )


def _stopped(failures: Sequence[tuple[int, Exception]]) -> Outcome:
    """Report that EM stopped with an error from some starts.

    Only params outside their support contradict the derivation: the message has their values.
    """
    outside = [pair for pair in failures if isinstance(pair[1], DeclarationError)]
    number, error = (outside or failures)[0]
    if isinstance(error, StepError) and error.step == "log_likelihood":
        detail = f"not examined from start {number}: the objective has no value there: {error}"
        return Outcome((Check("path.completed", "skip", detail),))
    message = f"EM stopped from start {number}: {error}"
    severity: Severity = "error" if outside else "warning"
    step = error.step if isinstance(error, StepError) else "m_step"
    finding = Finding("contract", step, severity, message, evidence={"function": step})
    return Outcome((Check("path.completed", "fail" if outside else "warn", message),), (finding,))

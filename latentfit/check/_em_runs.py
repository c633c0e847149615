"""Both steps together: EM from the starts, monitored by the declaration's objective.

What goes wrong here follows from a wrong step, if one was found. It is a finding of its own only if
both steps, each on its own, were found right.
"""

from collections.abc import Sequence
from typing import Any

from latentfit import em
from latentfit.check import _limit_point, _monotonicity
from latentfit.check.calls import on_copies
from latentfit.check.examination import Examination
from latentfit.check.result import Check, Finding, Outcome
from latentfit.declaration import Params
from latentfit.errors import LatentfitError, reason_of
from latentfit.supervision import Timeout, limited

# The runs of steps that are known to be wrong are short: they only show whether the objective
# decreases.
_MAX_ITERATIONS = 1000
_MAX_ITERATIONS_IF_WRONG = 50
# All runs together may take as long as so many calls of one step.
_TIME_LIMIT_CALLS = 10.0


def examine(
    examination: Examination, starts: Sequence[Params], timeout: float, *, steps_are_right: bool
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
    """
    density = examination.density

    def objective(params: Params, data: Any) -> float:
        point = density.space.locate(examination.to_model(params))
        return density.objective(point, prior=examination.with_prior)

    try:
        fit = limited(em.fit, _TIME_LIMIT_CALLS * timeout, "EM")(
            on_copies(examination.e_step),
            on_copies(examination.m_step),
            examination.data,
            starts,
            log_likelihood=objective if density.tractable else None,
            stopping=em.Stopping(
                max_iterations=_MAX_ITERATIONS if steps_are_right else _MAX_ITERATIONS_IF_WRONG
            ),
        )
    except Timeout as error:
        # Each step is fast enough, and that EM needs many iterations is not an error.
        detail = f"not examined: {error} and was stopped"
        return Outcome((Check("path.monotone", "skip", detail),))
    except Exception as error:  # other exceptions of the author's steps have become StepErrors
        message = f"EM could not be run from several starts: {reason_of(error)}"
        finding = Finding("contract", "m_step", "error", message)
        # An error of latentfit's own kinds follows from steps that are wrong.
        reported = steps_are_right or not isinstance(error, LatentfitError)
        return Outcome((Check("path.monotone", "fail", message),), (finding,) if reported else ())
    outcomes = (_monotonicity.examine(examination, fit), _limit_point.examine(examination, fit))
    return Outcome(
        tuple(check for outcome in outcomes for check in outcome.checks),
        tuple(finding for outcome in outcomes for finding in outcome.findings)
        if steps_are_right
        else (),
    )

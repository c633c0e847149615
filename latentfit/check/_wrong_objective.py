"""An M step that counts the prior although the file says otherwise, or leaves it out."""

from collections.abc import Sequence

from latentfit.check._updates import Update, worst
from latentfit.check.closeness import close
from latentfit.check.examination import Examination
from latentfit.check.mistakes import confirmed
from latentfit.check.result import Check, Finding, Outcome


def examine(
    examination: Examination, updates: Sequence[Update], further: Sequence[Update]
) -> Outcome | None:
    """Return the outcome if the M step maximises the other objective; None if it does not.

    Parameters
    ----------
    examination : Examination
    updates : sequence of Update
        Some of which do not maximise the stated objective.
    further : sequence of Update
        At further, generic θ', at which the M step has to maximise the other objective too.
    """
    counts_prior, compared = not examination.with_prior, (*further, *updates)
    if not confirmed([update.trial for update in compared]):
        return None
    if not _maximises(examination, compared, prior=counts_prior):
        return None
    update, name = worst(updates)
    if counts_prior:
        maximised, stated = "Q plus the log prior", "likelihood"
        hint = "the prior is counted: leave it out, or state objective = 'posterior'"
    else:
        maximised, stated = "Q", "posterior"
        hint = "the prior is not counted: count it, or state objective = 'likelihood'"
    message = (
        f"the M step maximises {maximised}, but the file states objective = '{stated}': "
        f"{update.describe(name)}"
    )
    finding = Finding("M", name, "error", message, hint, update.evidence(name))
    return Outcome((Check("m_step.objective", "fail", message),), (finding,))


def _maximises(examination: Examination, updates: Sequence[Update], *, prior: bool) -> bool:
    """Return whether the M step maximises Q, plus the log prior or not, at all trial points."""
    for update in updates:
        found = examination.complete.maximise(
            update.trial.statistics, update.maximum.point, prior=prior
        )
        natural = examination.density.space.constrain(found.point)
        if not found.reached or not all(
            close(value, natural[name]) for name, value in update.given.items()
        ):
            return False
    return True

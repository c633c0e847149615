"""An M step that increases Q without maximising it.

Such an M step makes a generalised EM algorithm if it increases Q for every θ' (Dempster, Laird &
Rubin 1977, Journal of the Royal Statistical Society B 39(1), section 1). At the maximum of the
likelihood, where Q cannot be increased, it then returns θ' itself. That is correct, and is reported
as a note.
"""

from collections.abc import Sequence

from latentfit.check._updates import Update, worst
from latentfit.check.closeness import close
from latentfit.check.examination import AT_MAXIMUM, Examination
from latentfit.check.result import Check, Finding, Outcome

# Relative: a decrease of Q that is rounding.
_SAME_Q_RELATIVE = 1e-9


def examine(
    examination: Examination, updates: Sequence[Update], hint: str | None
) -> Outcome | None:
    """Return the outcome of a generalised M step; None if the M step is not one.

    Parameters
    ----------
    examination : Examination
    updates : sequence of Update
        Some of which do not maximise Q.
    hint : str or None
        Why it does not maximise Q, if that is known.
    """
    if not all(_increases_q(examination, update) for update in updates):
        return None
    stays = _stays_at_maximum(examination, updates)
    if stays is False:
        return None
    update, name = worst(updates)
    increases = (
        f"the M step increases Q at every θ' but does not maximise it ({update.describe(name)})"
    )
    if stays is None:
        # Without the known maximum, a generalised EM and a wrong M step look the same. The limit
        # point of EM distinguishes them, if it is a point at which the objective has derivatives.
        message = (
            f"{increases}. It was not tested whether this is generalised EM, which is correct: no "
            f"maximum of the objective is known at which the M step would have to return θ' itself"
        )
    else:
        message = f"{increases}: a generalised EM algorithm, which is correct but slower than EM"
    finding = Finding("M", name, "warning", message, hint, update.evidence(name))
    return Outcome((Check("m_step.maximum", "warn", message),), (finding,))


def _increases_q(examination: Examination, update: Update) -> bool:
    if update.point is None:
        return False
    q = examination.q(update.trial)
    before, _ = q(update.trial.point)
    after, _ = q(update.point)
    return bool(after - before >= -_SAME_Q_RELATIVE * (1 + abs(before)))


def _stays_at_maximum(examination: Examination, updates: Sequence[Update]) -> bool | None:
    """Return whether the M step returns the maximum of the objective if θ' is that maximum.

    None if that was not tested.
    """
    at_maximum = [update for update in updates if update.trial.label == AT_MAXIMUM]
    if examination.maximum is None or not at_maximum:
        return None
    natural = examination.density.space.constrain(examination.maximum)
    return all(
        close(value, natural[name]) for update in at_maximum for name, value in update.given.items()
    )

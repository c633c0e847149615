"""The M step alone: whether it maximises Q if it is fed the right expectations.

At every trial θ' the M step is given the declaration's own conditional expectations, so that an
error in the E step cannot be mistaken for one in the M step. What the M step returns is compared
entry by entry with the declaration's own maximiser of Q(· | θ'), found by Newton's method.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from latentfit.bayes.complete_data import CONDITIONAL_DRAWS
from latentfit.check import (
    _generalised_em,
    _impossible_update,
    _inexact_maximum,
    _wrong_objective,
    _wrong_parameters,
)
from latentfit.check._updates import Update, updates_of, why_not_compared
from latentfit.check.closeness import SAME_VALUE_RELATIVE, close
from latentfit.check.component_orders import orders
from latentfit.check.examination import ByTrial, Examination
from latentfit.check.result import Check, Outcome

_STRICT = (
    "this M step increases Q at every θ', so that it makes a correct generalised EM algorithm, but "
    "the strict check asks for the maximum of Q"
)


@dataclass(frozen=True)
class MStepOutcome:
    """The outcome for the M step.

    Attributes
    ----------
    outcome : Outcome
    reorders : bool
        Whether it maximises Q, but returns the components in another order.
    """

    outcome: Outcome
    reorders: bool = False


def examine(
    examination: Examination,
    returned: ByTrial,
    further: Callable[[], Sequence[Update]],
    *,
    strict: bool = False,
) -> MStepOutcome:
    """Compare the M step with the declaration's maximiser of Q.

    Parameters
    ----------
    examination : Examination
    returned : mapping
        ``{TrialPoint.label: params}``: what the M step returned for the right expectations.
    further : callable
        Returns the updates at further, generic θ', which a hint has to explain too.
    strict : bool
        Whether an M step that increases Q without maximising it is an error.
    """
    if not returned:
        return _skipped(
            "not tested: the M step could not be called with the conditional expectations under "
            "the model"
        )
    updates = updates_of(examination, returned)
    if not updates:
        impossible = _impossible_update.examine(examination, returned)
        if impossible is not None:
            return MStepOutcome(impossible)
        return _skipped(f"not tested: {why_not_compared(examination, returned)}")
    left_out = len(returned) - len(updates)
    if not any(update.differs(name) for update in updates for name in update.expected):
        return MStepOutcome(_passed(examination, updates, left_out))
    if _only_reordered(examination, updates):
        note = "the M step maximises Q and returns all parameters with the components reordered"
        return MStepOutcome(Outcome((Check("m_step.maximum", "pass", note),)), reorders=True)
    more = further()
    wrong_objective = _wrong_objective.examine(examination, updates, more)
    if wrong_objective is not None:
        return MStepOutcome(wrong_objective)
    wrong = _wrong_parameters.find(examination, updates, more)
    # Any other known mistake is one even if this M step happens to increase Q.
    if all(one.explanation is None or one.explanation.increases_q for one in wrong):
        inexact = _inexact_maximum.examine(updates)
        if inexact is not None:
            return MStepOutcome(inexact)
        hint = next((one.explanation.hint for one in wrong if one.explanation), None)
        generalised = _generalised_em.examine(examination, updates, hint)
        if generalised is not None and strict:
            return MStepOutcome(_wrong_parameters.outcome_of(updates, wrong, note=_STRICT))
        if generalised is not None:
            return MStepOutcome(generalised)
    return MStepOutcome(_wrong_parameters.outcome_of(updates, wrong))


def _skipped(reason: str) -> MStepOutcome:
    return MStepOutcome(Outcome((Check("m_step.maximum", "skip", reason),)))


def _passed(examination: Examination, updates: list[Update], left_out: int) -> Outcome:
    largest = max(
        float(update.difference(name).max(initial=0.0))
        for update in updates
        for name in update.expected
    )
    objective = "Q plus the log prior" if examination.with_prior else "Q"
    detail = (
        f"the M step maximises {objective} at {len(updates)} values of θ'; largest difference "
        f"{largest:.1g} standard errors"
    )
    if not updates[0].exact:
        detail += f" (Q and the expectations are means of the same {CONDITIONAL_DRAWS} draws)"
    if left_out:
        detail += f"; not tested at {left_out} others, where no maximum of Q was found"
    return Outcome((Check("m_step.maximum", "pass", detail),))


def _only_reordered(examination: Examination, updates: list[Update]) -> bool:
    """Return whether the M step reorders the components of all parameters in the same way.

    The order is free only if the objective does not depend on it: components that belong to known
    groups have an order.
    """
    for update in updates:
        if update.point is None or not _same_objective(examination, update):
            return False
        sizes = {value.shape[-1] for value in update.expected.values() if value.ndim}
        if len(sizes) != 1:
            return False
        (size,) = sizes
        if not any(
            all(
                close(update.given[name], value[..., list(order)] if value.ndim else value)
                for name, value in update.expected.items()
            )
            for order in orders(size)
        ):
            return False
    return True


def _same_objective(examination: Examination, update: Update) -> bool:
    """Return whether the objective is the same at the M step's result as at the maximum of Q."""
    assert update.point is not None
    if not examination.density.tractable:
        return True
    given, _ = examination.objective_at(update.point)
    expected, _ = examination.objective_at(update.maximum.point)
    return bool(abs(given - expected) <= SAME_VALUE_RELATIVE * (1 + abs(expected)))

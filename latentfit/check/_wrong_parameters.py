"""Which parameters the M step computes wrongly, and by which known mistake.

A parameter that differs from the maximiser of Q may be computed wrongly itself, or may only depend
on another that is. Computed wrongly are those in whose direction Q(· | θ') still has a gradient at
the M step's result, all other parameters being as the M step returned them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from latentfit.check._updates import SAME_UPDATE_STANDARD_ERRORS, Update, worst
from latentfit.check.examination import Examination
from latentfit.check.mistakes import Explanation, QMaximisers, explain_parameter
from latentfit.check.result import Check, Finding, Outcome

# Besides the further trial points, a known mistake has to reproduce the numbers at the last of the
# ordinary ones, at most so many of them.
_MAX_ORDINARY_POINTS_FOR_HINT = 3


@dataclass(frozen=True)
class WrongParameter:
    """A parameter that the M step computes wrongly.

    Attributes
    ----------
    name : str
    explanation : Explanation or None
        The known mistake that reproduces its values.
    """

    name: str
    explanation: Explanation | None


def find(
    examination: Examination, updates: Sequence[Update], further: Sequence[Update]
) -> list[WrongParameter]:
    """Return the parameters that are computed wrongly, with known mistakes that explain them.

    Parameters
    ----------
    examination : Examination
    updates : sequence of Update
        Some of which do not maximise Q.
    further : sequence of Update
        At further, generic θ', for the known mistakes alone.
    """
    compared = [*further, *updates[-_MAX_ORDINARY_POINTS_FOR_HINT:]]
    maximisers = [
        QMaximisers(examination, one.trial, one.maximum.point, one.expected, one.point)
        for one in compared
    ]
    return [
        WrongParameter(
            name,
            explain_parameter(name, maximisers, [update.given[name] for update in compared]),
        )
        for name in _names(examination, updates)
    ]


def outcome_of(
    updates: Sequence[Update], wrong: Sequence[WrongParameter], note: str = ""
) -> Outcome:
    """Return a failed check, with a finding for each wrong parameter.

    Parameters
    ----------
    updates : sequence of Update
    wrong : sequence of WrongParameter
        At least one.
    note : str, optional
        A sentence that is added to the message of each finding.
    """
    findings = []
    for one in wrong:
        name, hint = one.name, one.explanation.hint if one.explanation else None
        update, _ = worst(updates, [name])
        message = f"{update.describe(name)}; {note}" if note else update.describe(name)
        findings.append(Finding("M", name, "error", message, hint, update.evidence(name)))
    differing = {n for update in updates for n in update.expected if update.differs(n)}
    dependent = sorted(differing - {one.name for one in wrong})
    detail = findings[0].message
    if dependent:
        verb = "differs" if len(dependent) == 1 else "differ"
        detail += f"; {', '.join(dependent)} {verb} as a consequence"
    return Outcome((Check("m_step.maximum", "fail", detail),), tuple(findings))


def _names(examination: Examination, updates: Sequence[Update]) -> list[str]:
    """Return the parameters in whose direction Q still has a gradient.

    If that distinguishes none, all parameters that differ are returned.
    """
    names = [n for n in updates[0].expected if any(update.differs(n) for update in updates)]
    slices = examination.parameter_slices
    if len(names) == 1 or not all(name in slices for name in names):
        return names
    with_gradient = set()
    for update in updates:
        if update.point is None:
            return names
        _, gradient = examination.q(update.trial)(update.point)
        hessian = examination.q_hessian(update.trial)(update.point)
        for name in names:
            part = slices[name]
            if update.differs(name) and not _is_zero(gradient[part], hessian[part, part]):
                with_gradient.add(name)
    return [name for name in names if name in with_gradient] or names


def _is_zero(gradient: np.ndarray, hessian: np.ndarray) -> bool:
    """Return whether a Newton step is shorter than the smallest difference that counts."""
    try:
        step = cho_solve(cho_factor(-hessian), gradient)
    except (LinAlgError, ValueError):
        return False
    return bool(np.sqrt(max(gradient @ step, 0.0)) <= SAME_UPDATE_STANDARD_ERRORS)

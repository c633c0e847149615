"""What is known of a candidate only beside the other candidates."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from latentfit.errors import InputError
from latentfit.selection import _loo
from latentfit.selection._loo import Loo
from latentfit.selection.candidate import Candidate
from latentfit.selection.evaluation import Evaluation

# Nats. Log-likelihoods that differ by less are the same but for when EM stopped.
_SAME_LOG_LIKELIHOOD_NATS = 1e-4


def check_values(values: Iterable[int], option: str) -> tuple[int, ...]:
    """The values of an option to try, in increasing order.

    Raises
    ------
    InputError
        There is no value, a value is not an integer, or a value is given twice.
    """
    found = tuple(values)
    if not found:
        raise InputError(f"there is no value of {option} to try")
    for value in found:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise InputError(f"values of {option} are whole numbers, not {value!r}")
    if len(set(found)) < len(found):
        raise InputError(f"a value of {option} is given twice: {', '.join(map(str, found))}")
    return tuple(sorted(map(int, found)))


def complete_candidates(evaluations: Sequence[Evaluation], option: str) -> tuple[Candidate, ...]:
    """The candidates, with what follows from comparing them with one another.

    That is leave-one-out cross-validation relative to the best candidate, and a remark if a
    smaller value of the option has a higher likelihood.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        In increasing order of the option.
    option : str
    """
    loo = _loo.compared({e.candidate.value: e.elpd for e in evaluations if e.elpd is not None})
    candidates = [_with_loo(e.candidate, loo.get(e.candidate.value)) for e in evaluations]
    return tuple(_with_lower_remarks(candidates, option))


def _with_loo(candidate: Candidate, loo: Loo | None) -> Candidate:
    remarks = candidate.remarks
    if loo is not None and loo.unreliable:
        remarks = (
            *remarks,
            f"{loo.unreliable} of {loo.terms} Pareto k are above {loo.good_k:.2f}: elpd_loo is not "
            f"reliable",
        )
    return replace(candidate, loo=loo, remarks=remarks)


def _with_lower_remarks(candidates: Sequence[Candidate], option: str) -> list[Candidate]:
    """Candidates, with a remark if a smaller value of the option has a higher log p(x | θ)."""
    found: list[Candidate] = []
    highest: tuple[float, int] | None = None
    for candidate in candidates:
        value = candidate.criteria.log_likelihood if candidate.criteria else -np.inf
        if (
            highest is not None
            and highest[0] - value > _SAME_LOG_LIKELIHOOD_NATS
            and candidate.criteria
        ):
            remark = (
                f"log p(x | θ) is lower than at {option}={highest[1]}: if that model is a special "
                f"case of this one, there is a higher maximum, which more starts may find"
            )
            candidate = replace(candidate, remarks=(*candidate.remarks, remark))
        if candidate.criteria and (highest is None or value > highest[0]):
            highest = value, candidate.value
        found.append(candidate)
    return found

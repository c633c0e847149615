"""Properties of a candidate that depend on the other candidates."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from latentfit.errors import InputError
from latentfit.selection.candidate import Candidate
from latentfit.selection.cross_validation import Loo, compare_elpd
from latentfit.selection.evaluation import Evaluation

# Nats. Smaller differences can be explained by the iteration in which EM stopped.
_SAME_LOG_LIKELIHOOD_NATS = 1e-4
# Each value is a fit of its own, and a row of a table.
MAX_VALUES = 1000


def check_values(values: Iterable[int], option: str) -> tuple[int, ...]:
    """Check the values of an option, and return them in increasing order.

    Raises
    ------
    InputError
        There is no value, a value is not an integer, a value is given twice, or there are more than
        a thousand values.
    """
    found = tuple(islice(values, MAX_VALUES + 1))
    if len(found) > MAX_VALUES:
        raise InputError(
            f"{option} has too many values to try: each is a fit of its own, and at most "
            f"{MAX_VALUES} are compared"
        )
    if not found:
        raise InputError(f"there is no value of {option} to try")
    for value in found:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise InputError(f"values of {option} are whole numbers, not {value!r}")
    if len(set(found)) < len(found):
        raise InputError(f"a value of {option} is given twice: {', '.join(map(str, found))}")
    return tuple(sorted(map(int, found)))


def complete_candidates(evaluations: Sequence[Evaluation], option: str) -> tuple[Candidate, ...]:
    """Complete the candidates by comparing them with one another.

    Adds leave-one-out cross-validation relative to the best candidate, and a remark if a smaller
    value of the option has a higher likelihood.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        In increasing order of the option.
    option : str
    """
    loo = compare_elpd({e.candidate.value: e.elpd for e in evaluations if e.elpd is not None})
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
    """Add a remark if a smaller value of the option has a higher log p(x | θ)."""
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

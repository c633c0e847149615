"""A model at each value of an option, side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.em import Fit
from latentfit.errors import InputError, LatentfitError
from latentfit.progress import Progress
from latentfit.selection import _loo
from latentfit.selection._loo import Loo
from latentfit.selection._result import Candidate, Selection
from latentfit.selection._try import Subject, Trial, failed, of_comparison, of_fit

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

# Heights that differ by less are the same but for when EM stopped.
_SAME = 1e-4


def select(
    subject: Subject,
    values: Iterable[int],
    attempt: "Callable[[int], Fit | Comparison]",
    *,
    posterior: bool,
    settings: Mapping[str, Any],
    seed: int,
    progress: Progress,
    on_value: "Callable[[int, Fit | Comparison], object] | None" = None,
) -> Selection:
    """Try every value; one that fails keeps its row, and the others go on.

    Parameters
    ----------
    subject : Subject
    values : iterable of int
    attempt : callable
        ``attempt(value)``: a fit with heights, or a comparison if `posterior`.
    posterior : bool
    settings : mapping
    seed : int
        These two for the record.
    progress : Progress
    on_value : callable, optional
        ``on_value(value, result)``, after each one that did not fail. Comparisons are large, and
        none is kept.

    Raises
    ------
    InputError
        A value is no whole number, or there twice.
    LatentfitError
        Every value failed: what the first one raised.
    """
    values = _checked(values, subject.option)
    trials: list[Trial] = []
    errors: list[LatentfitError] = []
    title = f"{subject.option} {values[0]} to {values[-1]}"
    with progress.stage(title, total=len(values)) as bar:
        for value in values:
            try:
                result = attempt(value)
            except LatentfitError as error:
                errors.append(error)
                trials.append(failed(value, error))
            else:
                trials.append(
                    of_fit(subject, value, result)
                    if isinstance(result, Fit)
                    else of_comparison(subject, value, result)
                )
                if on_value is not None:
                    on_value(value, result)
            bar.advance()
    if len(errors) == len(values):
        raise errors[0]
    loo = _loo.compared({t.candidate.value: t.elpd for t in trials if t.elpd is not None})
    candidates = [_with(t.candidate, loo.get(t.candidate.value)) for t in trials]
    return Selection(
        name=subject.name,
        title=subject.title,
        option=subject.option,
        candidates=tuple(_below_others(candidates, subject.option)),
        posterior=posterior,
        counted=next((t.counted for t in trials if t.counted), ""),
        notes=tuple(dict.fromkeys(note for t in trials for note in t.notes)),
        settings=dict(settings),
        seed=seed,
    )


def _checked(values: Iterable[int], option: str) -> tuple[int, ...]:
    found = tuple(values)
    if not found:
        raise InputError(f"there is no value of {option} to try")
    for value in found:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise InputError(f"values of {option} are whole numbers, not {value!r}")
    if len(set(found)) < len(found):
        raise InputError(f"a value of {option} is there twice: {', '.join(map(str, found))}")
    return tuple(sorted(map(int, found)))


def _with(candidate: Candidate, loo: Loo | None) -> Candidate:
    remarks = candidate.remarks
    if loo is not None and loo.unreliable:
        remarks = (
            *remarks,
            f"{loo.unreliable} of {loo.terms} Pareto k are above {loo.good_k:.2f}: elpd_loo is not "
            f"to be relied upon",
        )
    return replace(candidate, loo=loo, remarks=remarks)


def _below_others(candidates: Sequence[Candidate], option: str) -> list[Candidate]:
    """With a remark where a smaller value gives a higher log p(x | θ): EM may have missed it."""
    found, top = [], None
    for candidate in candidates:
        height = candidate.criteria.log_likelihood if candidate.criteria else -np.inf
        if top is not None and top[0] - height > _SAME and candidate.criteria:
            remark = (
                f"log p(x | θ) is lower than at {option}={top[1]}: if that is a special case of "
                f"this, there is a higher maximum, which more starts may find"
            )
            candidate = replace(candidate, remarks=(*candidate.remarks, remark))
        if candidate.criteria and (top is None or height > top[0]):
            top = height, candidate.value
        found.append(candidate)
    return found

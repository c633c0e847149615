"""One value of the option: AIC, BIC, ICL and cross-validation of a fit or a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.declaration.definition import ModelDefinition
from latentfit.em import Fit, information
from latentfit.errors import LatentfitError
from latentfit.selection import _count, _loo
from latentfit.selection._criteria import Criteria
from latentfit.selection.candidate import Candidate

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

# Scores are taken at one part of the data for each parameter, and so many more.
_EXTRA_PARTS = 10
_ROWS_PER_PART = 20

_UNIDENTIFIED = (
    "Directions along which the likelihood is constant for all data, such as rotations of "
    "loadings, are not counted as free parameters."
)
_UNEXAMINED = (
    "Whether the likelihood is constant along some direction for all data could not be examined; "
    "such a direction would be counted as a free parameter."
)
_CONSTANT = "log p(x | θ) is the model file's, which may leave out a constant."
_MODE = (
    "The M step maximises the log prior too: log p(x | θ) is taken at the posterior mode in place "
    "of the maximum (Fraley & Raftery 2007, Journal of Classification 24(2))."
)


@dataclass(frozen=True)
class SelectionProblem:
    """The model, the option that is varied, and the data.

    Attributes
    ----------
    definition : ModelDefinition
    option : str
    data : mapping
        As E and M step are given them.
    units : int or None
        Number of units, n; None to count them.
    """

    definition: ModelDefinition
    option: str
    data: Mapping[str, Any]
    units: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """A candidate, and notes that hold for all candidates.

    Attributes
    ----------
    candidate : Candidate
        Without cross-validation, which compares all candidates.
    counted : str
        How units and free parameters were counted; empty if EM has no estimate.
    notes : tuple of str
    elpd : ELPDData or None
    """

    candidate: Candidate
    counted: str = ""
    notes: tuple[str, ...] = ()
    elpd: Any = None


def failed(value: int, error: LatentfitError) -> Evaluation:
    """A value at which EM or the comparison failed."""
    return Evaluation(Candidate(value, remarks=(str(error),)))


def of_fit(problem: SelectionProblem, value: int, fit: Fit) -> Evaluation:
    """Evaluate EM alone.

    Parameters
    ----------
    problem : SelectionProblem
    value : int
    fit : Fit
        With log-likelihoods.
    """
    if fit.best.stop.degenerate:
        return Evaluation(Candidate(value, fit=fit, remarks=(fit.message,)))
    assert fit.log_likelihood is not None
    dimension = _count.free_parameters(fit.best.trace.params)
    source = "counted from the iterates of EM; compare counts those of the declaration"
    return _evaluated(problem, value, fit, fit.log_likelihood, dimension, source, (_CONSTANT,))


def of_comparison(problem: SelectionProblem, value: int, comparison: "Comparison") -> Evaluation:
    """Evaluate EM beside MLE, MAP and posterior.

    No figure of the posterior is given if its chains cannot be trusted.
    """
    mode = (_MODE,) if problem.definition.objective == "posterior" else ()
    evaluation = _evaluated(
        problem,
        value,
        comparison.fit,
        comparison.log_likelihood["em"],
        comparison.dimension,
        "those of the declaration",
        mode,
    )
    verdicts = {verdict.id: verdict for verdict in comparison.verdicts}
    reached = verdicts.get("em_vs_mle") or verdicts["em_vs_map"]
    wrong = [v for v in comparison.verdicts if v.status == "fail" and v.id != "chains"]
    remarks = [f"{verdict.title}: {verdict.detail}" for verdict in wrong]
    elpd: Any = None
    if verdicts["chains"].status == "fail":
        remarks.append(f"no LOO, as the chains cannot be trusted: {verdicts['chains'].detail}")
    else:
        elpd = _loo.elpd(comparison.tree)
    notes = evaluation.notes
    if isinstance(elpd, str):
        notes, elpd = (*notes, f"No LOO: {elpd}."), None
    candidate = replace(
        evaluation.candidate,
        agree=comparison.agree,
        judged=evaluation.candidate.judged and reached.status != "fail",
        remarks=(*evaluation.candidate.remarks, *remarks),
    )
    return replace(evaluation, candidate=candidate, notes=notes, elpd=elpd)


def _evaluated(
    problem: SelectionProblem,
    value: int,
    fit: Fit,
    log_likelihood: float,
    dimension: int,
    source: str,
    notes: tuple[str, ...],
) -> Evaluation:
    definition = problem.definition
    units, what = _count.units(problem.data, fit.expectations, definition.latents)
    if problem.units is not None:
        units, what = problem.units, "as given"
    entropy = _count.entropy(fit.expectations, definition.latents, tuple(definition.expectations))
    unidentified = _unidentified_directions(problem, fit)
    free = dimension - (unidentified or 0)
    criteria = Criteria(log_likelihood, free, units, None if isinstance(entropy, str) else entropy)
    every = [*notes]
    if unidentified != 0:
        every.append(_UNEXAMINED if unidentified is None else _UNIDENTIFIED)
    if isinstance(entropy, str):
        every.append(f"No ICL: {entropy}.")
    number = f"n = {units} units, {what}" if units else f"No BIC: the number of units is {what}"
    candidate = Candidate(
        value,
        criteria,
        fit,
        judged=fit.converged,
        remarks=() if fit.converged else (fit.message,),
    )
    return Evaluation(candidate, f"{number}. Free parameters are {source}.", tuple(every))


def _unidentified_directions(problem: SelectionProblem, fit: Fit) -> int | None:
    """Number of unidentified directions, None if unknown; mixtures are taken to have none."""
    definition = problem.definition
    classified = any(
        _count.probabilities(fit.expectations.get(name)) is not None for name in definition.latents
    )
    if classified:
        return 0
    if definition.log_likelihood is None:
        return None
    start = {name: rows[0] for name, rows in fit.best.trace.params.items()}
    samples = _parts(problem.data, _EXTRA_PARTS + sum(np.size(value) for value in start.values()))
    try:
        return information.unidentified_directions(definition.log_likelihood, samples, start) if samples else None
    except LatentfitError:
        # Data that the model computes from all rows do not exist for a part of the rows.
        return None


def _parts(data: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Disjoint sets of rows; none if the data do not share their rows."""
    rows = {np.shape(array)[0] if np.ndim(array) else 0 for array in data.values()}
    if len(rows) != 1 or (total := rows.pop()) < count:
        return []
    order = np.random.default_rng(0).permutation(total)[: count * _ROWS_PER_PART]
    return [
        {name: array[part] for name, array in data.items()} for part in np.array_split(order, count)
    ]

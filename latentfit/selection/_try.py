"""One value of the option: what there is to count of a fit, or of a comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.em import Fit, information
from latentfit.errors import LatentfitError
from latentfit.selection import _count, _loo
from latentfit.selection._criteria import Criteria
from latentfit.selection._result import Candidate

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

# Parts of the data at which scores are taken, beyond one for each parameter, and rows in each.
_MORE, _ROWS = 10, 20

_RIDGES = (
    "Directions in which no data tell one θ from another, such as rotations of loadings, are not "
    "counted as free parameters."
)
_UNEXAMINED = (
    "Whether some data tell every θ from another could not be examined; directions in which none "
    "do would be counted as free parameters."
)
_CONSTANT = "log p(x | θ) is the model file's, which may leave out a constant."
_MODE = (
    "The M step maximises the log prior too: log p(x | θ) is that at the posterior mode, and "
    "stands for the maximum (Fraley & Raftery 2007, Journal of Classification 24(2))."
)


@dataclass(frozen=True)
class Subject:
    """What a selection has to know of a model.

    Attributes
    ----------
    name, title : str
    objective : {"likelihood", "posterior"}
    option : str
        The one that is varied.
    latents : tuple of str
    further : tuple of str
        Expectations that are declared beside the latents.
    log_likelihood : callable or None
        That of the model file.
    data : mapping
        As the E and M steps see them.
    units : int or None
        Number of units, n; None to count them.
    """

    name: str
    title: str
    objective: str
    option: str
    latents: tuple[str, ...]
    further: tuple[str, ...]
    log_likelihood: Callable[..., float] | None
    data: Mapping[str, Any]
    units: int | None = None


@dataclass(frozen=True)
class Trial:
    """A candidate, and what is said of all of them.

    Attributes
    ----------
    candidate : Candidate
        Without LOO, which takes all values together.
    counted : str
        Empty where EM has no estimate.
    notes : tuple of str
    elpd : ELPDData or None
    """

    candidate: Candidate
    counted: str = ""
    notes: tuple[str, ...] = ()
    elpd: Any = None


def failed(value: int, error: LatentfitError) -> Trial:
    """A value that could not be tried."""
    return Trial(Candidate(value, remarks=(str(error),)))


def of_fit(subject: Subject, value: int, fit: Fit) -> Trial:
    """EM alone.

    Parameters
    ----------
    subject : Subject
    value : int
    fit : Fit
        With heights.
    """
    if fit.best.stop.degenerate:
        return Trial(Candidate(value, fit=fit, remarks=(fit.message,)))
    assert fit.log_likelihood is not None
    dimension = _count.free_parameters(fit.best.trace.params)
    source = "seen from the values of EM's parameters; compare counts those of the declaration"
    return _counted(subject, value, fit, fit.log_likelihood, dimension, source, (_CONSTANT,))


def of_comparison(subject: Subject, value: int, comparison: "Comparison") -> Trial:
    """EM beside MLE, MAP and posterior.

    No figure of the posterior is given where its chains cannot be trusted.
    """
    mode = (_MODE,) if subject.objective == "posterior" else ()
    trial = _counted(
        subject,
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
    notes = trial.notes
    if isinstance(elpd, str):
        notes, elpd = (*notes, f"No LOO: {elpd}."), None
    candidate = replace(
        trial.candidate,
        agree=comparison.agree,
        judged=trial.candidate.judged and reached.status != "fail",
        remarks=(*trial.candidate.remarks, *remarks),
    )
    return replace(trial, candidate=candidate, notes=notes, elpd=elpd)


def _counted(
    subject: Subject,
    value: int,
    fit: Fit,
    height: float,
    dimension: int,
    source: str,
    notes: tuple[str, ...],
) -> Trial:
    units, what = _count.units(subject.data, fit.expectations, subject.latents)
    if subject.units is not None:
        units, what = subject.units, "as was asked for"
    entropy = _count.entropy(fit.expectations, subject.latents, subject.further)
    same = _ridges(subject, fit)
    free = dimension - (same or 0)
    criteria = Criteria(height, free, units, None if isinstance(entropy, str) else entropy)
    said = [*notes]
    if same != 0:
        said.append(_UNEXAMINED if same is None else _RIDGES)
    if isinstance(entropy, str):
        said.append(f"No ICL: {entropy}.")
    number = f"n = {units} units, {what}" if units else f"No BIC: the number of units is {what}"
    candidate = Candidate(
        value,
        criteria,
        fit,
        judged=fit.converged,
        remarks=() if fit.converged else (fit.message,),
    )
    return Trial(candidate, f"{number}. Free parameters are {source}.", tuple(said))


def _ridges(subject: Subject, fit: Fit) -> int | None:
    """Directions that are no parameters, None if not known; mixtures are taken to have none."""
    classified = any(
        _count.probabilities(fit.expectations.get(name)) is not None for name in subject.latents
    )
    if classified:
        return 0
    if subject.log_likelihood is None:
        return None
    start = {name: rows[0] for name, rows in fit.best.trace.params.items()}
    samples = _parts(subject.data, _MORE + sum(np.size(value) for value in start.values()))
    try:
        return information.ridges(subject.log_likelihood, samples, start) if samples else None
    except LatentfitError:
        # What is made of the data depends on all of them: of a part there is no log-likelihood.
        return None


def _parts(data: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Disjoint sets of rows, none where the data have none in common."""
    rows = {np.shape(array)[0] if np.ndim(array) else 0 for array in data.values()}
    if len(rows) != 1 or (total := rows.pop()) < count:
        return []
    order = np.random.default_rng(0).permutation(total)[: count * _ROWS]
    return [
        {name: array[part] for name, array in data.items()} for part in np.array_split(order, count)
    ]

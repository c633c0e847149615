"""An entry of the E step, compared with its exact conditional expectation."""

from collections.abc import Sequence

import numpy as np

from latentfit.check.closeness import SAME_VALUE_RELATIVE
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes import explain_entry
from latentfit.check.result import Check, Finding, Outcome
from latentfit.declaration import labels

_NOT_NORMALISED = "the responsibilities are not normalised: each row should sum to 1"


def compare(
    examination: Examination,
    name: str,
    trials: Sequence[TrialPoint],
    values: Sequence[np.ndarray],
) -> Outcome:
    """Compare one entry at all trial points, and report the worst difference.

    Parameters
    ----------
    examination : Examination
    name : str
    trials : sequence of TrialPoint
        At which the exact expectation of the entry is known.
    values : sequence of ndarray
        What the E step returned at each of them.
    """
    id = f"e_step.{name}"
    probabilities = name in examination.complete.categories
    worst, worst_trial, entry = 0.0, trials[0], ""
    given_there = expected_there = np.nan
    for trial, value in zip(trials, values, strict=True):
        expected = np.asarray(trial.expected[name], float)
        if value.shape != expected.shape:
            return Outcome((Check(id, "skip", "the shape is wrong: see the contract"),))
        # Errors of probabilities are absolute, errors of means relative to the largest mean.
        scale = 1.0 if probabilities else np.max(np.abs(expected), initial=0.0) or 1.0
        error = np.abs(value - expected) / scale
        error = np.where(np.isfinite(error), error, np.inf)
        if error.size and error.max() > worst:
            place = int(error.argmax())
            worst, worst_trial = float(error.max()), trial
            entry = labels(name, value.shape)[place]
            given_there, expected_there = float(value.flat[place]), float(expected.flat[place])
    quantity = "conditional probability" if probabilities else "conditional expectation"
    if worst <= SAME_VALUE_RELATIVE:
        detail = (
            f"{name} is the {quantity} at {len(trials)} values of θ; largest error {worst:.1g} "
            f"(exact comparison)"
        )
        return Outcome((Check(id, "pass", detail),))
    explanation = explain_entry(examination, name, trials, values)
    hint = explanation.hint if explanation else None
    if hint is None and probabilities and _only_normalisation_is_missing(name, trials, values):
        hint = _NOT_NORMALISED
    message = (
        f"{entry} is {given_there:.6g}; its {quantity} given the data is {expected_there:.6g} "
        f"(difference {given_there - expected_there:+.2g}; θ is {worst_trial.label}; exact)"
    )
    evidence = {
        "entry": entry,
        "given": given_there,
        "expected": expected_there,
        "where": worst_trial.label,
    }
    finding = Finding("E", name, "error", message, hint, evidence)
    return Outcome((Check(id, "fail", message),), (finding,))


def _only_normalisation_is_missing(
    name: str, trials: Sequence[TrialPoint], values: Sequence[np.ndarray]
) -> bool:
    """Return whether the values, divided by their row sums, are the right probabilities."""
    with np.errstate(all="ignore"):
        return all(
            np.allclose(
                value / value.sum(axis=-1, keepdims=True),
                trial.expected[name],
                atol=SAME_VALUE_RELATIVE,
            )
            for trial, value in zip(trials, values, strict=True)
        )

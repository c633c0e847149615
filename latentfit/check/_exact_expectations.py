"""An entry of the E step, compared with its exact conditional expectation."""

from collections.abc import Sequence

import numpy as np

from latentfit.check._hint_points import HintPoints
from latentfit.check._log_likelihood_error import log_likelihood_error
from latentfit.check.closeness import SAME_VALUE_RELATIVE
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes import explain_entry
from latentfit.check.result import Check, Finding, Outcome
from latentfit.declaration import labels


def compare(
    examination: Examination,
    name: str,
    trials: Sequence[TrialPoint],
    values: Sequence[np.ndarray],
    hint_points: HintPoints,
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
    hint_points : HintPoints
    """
    id = f"e_step.{name}"
    probabilities = name in examination.complete.categories
    worst, worst_trial, entry = 0.0, trials[0], ""
    given_there = expected_there = np.nan
    compared = 0
    for trial, value in zip(trials, values, strict=True):
        expected = np.asarray(trial.expected[name], float)
        if value.shape != expected.shape:
            detail = (
                f"not tested: e_step returns {name} with shape {value.shape}, and the conditional "
                f"expectation under the model has shape {expected.shape}"
            )
            return Outcome((Check(id, "skip", detail),))
        known = np.isfinite(expected)
        compared += int(known.sum())
        # Errors of probabilities are absolute, errors of means relative to the largest mean.
        largest = np.max(np.abs(expected), initial=0.0, where=known)
        scale = 1.0 if probabilities else largest or 1.0
        with np.errstate(all="ignore"):
            error = np.abs(value - expected) / scale
        # What the model does not know contradicts nothing.
        error = np.where(known, np.where(np.isfinite(error), error, np.inf), 0.0)
        if error.size and error.max() > worst:
            place = int(error.argmax())
            worst, worst_trial = float(error.max()), trial
            entry = labels(name, value.shape)[place]
            given_there, expected_there = float(value.flat[place]), float(expected.flat[place])
    quantity = "conditional probability" if probabilities else "conditional expectation"
    every = sum(value.size for value in values)
    if every and not compared:
        detail = (
            f"not tested: no conditional expectation of {name} under the model is a finite number "
            f"at these values of θ; check the derivation with other data or starts"
        )
        return Outcome((Check(id, "skip", detail),))
    if worst <= SAME_VALUE_RELATIVE:
        if compared < every:
            detail = (
                f"{name} is the {quantity} as far as that is known: {every - compared} of {every} "
                f"expectations under the model are not finite numbers, and were not compared"
            )
            return Outcome((Check(id, "warn", detail),))
        detail = (
            f"{name} is the {quantity} at {len(trials)} values of θ; largest error {worst:.1g} "
            f"(exact comparison)"
        )
        return Outcome((Check(id, "pass", detail),))
    precision = log_likelihood_error(examination, worst_trial.point)
    if worst <= precision:
        detail = (
            f"not decided: {entry} is {given_there:.6g}, and its {quantity} is "
            f"{expected_there:.6g}, but the integral over the latents has a relative error of "
            f"about {precision:.1g} (θ is {worst_trial.label})"
        )
        return Outcome((Check(id, "warn", detail),))
    further = hint_points.entries(name, values[0].shape)
    explanation = explain_entry(
        examination,
        name,
        [*(trial for trial, _ in further), *trials],
        [*(value for _, value in further), *values],
    )
    hint = explanation.hint if explanation else None
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

"""Which known mistake explains the numbers that a step returned, if one does.

A known mistake is offered as a hint only if it predicts what the step returned at every θ that was
tried, and better than all other known mistakes do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from latentfit.check.closeness import SAME_VALUE_RELATIVE, relative_error
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._maximisers import QMaximisers
from latentfit.check.mistakes._registry import KnownMistake, registered


@dataclass(frozen=True)
class Explanation:
    """The known mistake that reproduces what a step returned.

    Attributes
    ----------
    hint : str
        The mistake in one sentence.
    increases_q : bool
        `KnownMistake.increases_q`.
    """

    hint: str
    increases_q: bool


@dataclass(frozen=True)
class _Candidate:
    """One known mistake in one form, as it can be recognised at every trial point."""

    mistake: KnownMistake
    latent: str | None
    hint: str


def explain_entry(
    examination: Examination,
    name: str,
    trials: Sequence[TrialPoint],
    given: Sequence[np.ndarray],
) -> Explanation | None:
    """Return the known mistake that explains an entry of the E step; None if none does.

    Parameters
    ----------
    examination : Examination
    name : str
        An entry whose exact expectation is known at all of the trial points.
    trials : sequence of TrialPoint
    given : sequence of ndarray
        What the E step returned at each of them.
    """

    def contexts(trial: TrialPoint) -> list[MistakeContext]:
        context = MistakeContext("E", examination, trial, name, trial.expected[name])
        complete = examination.complete
        if not (complete.exact and complete.discrete):
            return [context]
        latents = (name,) if name in complete.latents else complete.latents
        return [replace(context, latent=latent) for latent in latents]

    return _best(given, [_predictions(contexts(trial)) for trial in trials])


def explain_parameter(
    name: str, maximisers: Sequence[QMaximisers], given: Sequence[np.ndarray]
) -> Explanation | None:
    """Return the known mistake that explains a parameter from the M step; None if none does.

    Parameters
    ----------
    name : str
    maximisers : sequence of QMaximisers
        One for each trial point.
    given : sequence of ndarray
        What the M step returned at each of them.
    """
    predictions = []
    for one in maximisers:
        expected = np.asarray(one.expected[name], float)
        context = MistakeContext("M", one.examination, one.trial, name, expected, maximisers=one)
        predictions.append(_predictions([context]))
    return _best(given, predictions)


def _predictions(contexts: Sequence[MistakeContext]) -> dict[_Candidate, np.ndarray]:
    """Return what all applicable known mistakes predict at one trial point, by priority."""
    found: dict[_Candidate, np.ndarray] = {}
    with np.errstate(all="ignore"):
        for mistake in registered():
            for context in contexts:
                if mistake.step == context.step and mistake.quantity in context.quantities:
                    for prediction in mistake.predict(context):
                        hint = mistake.hint.format_map(prediction.words)
                        found[_Candidate(mistake, context.latent, hint)] = prediction.value
    return found


def _best(
    given: Sequence[np.ndarray], predictions: Sequence[Mapping[_Candidate, np.ndarray]]
) -> Explanation | None:
    """Return the candidate that comes closest at all trial points, if it is close enough.

    Of several candidates that come equally close the first one is returned.
    """
    if not given:
        return None
    errors = {
        candidate: max(
            relative_error(value, predicted[candidate])
            for value, predicted in zip(given, predictions, strict=True)
        )
        for candidate in predictions[0]
        if all(candidate in predicted for predicted in predictions)
    }
    best = min(errors, key=lambda candidate: errors[candidate], default=None)
    if best is None or errors[best] > SAME_VALUE_RELATIVE:
        return None
    return Explanation(best.hint, best.mistake.increases_q)

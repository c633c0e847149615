"""Which known mistake explains the numbers that a step returned, if one does.

A known mistake is offered as a hint only if it predicts what the step returned at every θ' that was
tried, and if at least `CONFIRMATIONS` of these differ in every coordinate. This holds for all known
mistakes, whatever they predict.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from latentfit.check.closeness import close, relative_error
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes._confirmation import CONFIRMATIONS, confirmed
from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._maximisers import QMaximisers
from latentfit.check.mistakes._registry import KnownMistake, Prediction, registered

# Two predictions cannot be distinguished if the error of one is at most so many times that of the
# other, or if both errors, relative to the largest entry, are at most the second figure.
_EQUAL_ERROR_FACTOR = 10.0
_EQUAL_ERROR_RELATIVE = 1e-9
# If more mistakes than these reproduce the numbers, naming some of them would mislead.
_MAX_NAMED = 2


@dataclass(frozen=True)
class Explanation:
    """The known mistake that reproduces what a step returned.

    Attributes
    ----------
    hint : str
        The mistake in one sentence; two mistakes if they cannot be distinguished.
    increases_q : bool
        `KnownMistake.increases_q`; true if it is true of one of the mistakes that are named.
    """

    hint: str
    increases_q: bool


@dataclass(frozen=True)
class _Candidate:
    """One known mistake in one form, as it can be recognised at every trial point."""

    mistake: KnownMistake
    latent: str | None
    words: tuple[tuple[str, str], ...]

    @property
    def hint(self) -> str:
        """The mistake in one sentence."""
        return self.mistake.hint.format_map(dict(self.words))


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

    def contexts(trial: TrialPoint, value: np.ndarray) -> list[MistakeContext]:
        expected = np.asarray(trial.expected[name], float)
        context = MistakeContext("E", examination, trial, name, expected, value)
        complete = examination.complete
        if not (complete.exact and complete.discrete):
            return [context]
        latents = (name,) if name in complete.latents else complete.latents
        return [replace(context, latent=latent) for latent in latents]

    return _explained([contexts(*pair) for pair in zip(trials, given, strict=True)])


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
    contexts = []
    for one, value in zip(maximisers, given, strict=True):
        expected = np.asarray(one.expected[name], float)
        contexts.append(
            [MistakeContext("M", one.examination, one.trial, name, expected, value, maximisers=one)]
        )
    return _explained(contexts)


def _explained(points: Sequence[Sequence[MistakeContext]]) -> Explanation | None:
    """Return the known mistakes that reproduce the numbers at all trial points.

    Parameters
    ----------
    points : sequence of sequence of MistakeContext
        For each trial point, the contexts that differ in the latent alone.
    """
    if not confirmed(contexts[0].trial for contexts in points):
        return None
    first, *further = points
    varies = _different([contexts[0].expected for contexts in points]) >= CONFIRMATIONS
    errors = _errors(first, [one for one in registered() if varies or not one.searched])
    for contexts in further:
        if not errors:
            return None
        here = _errors(contexts, {candidate.mistake for candidate in errors})
        errors = {c: max(error, here[c]) for c, error in errors.items() if c in here}
    return _named(errors)


def _different(values: Sequence[np.ndarray]) -> int:
    """Return how many of the values differ by more than rounding."""
    different: list[np.ndarray] = []
    for value in values:
        if not any(close(value, other) for other in different):
            different.append(value)
    return len(different)


def _errors(
    contexts: Sequence[MistakeContext], mistakes: Collection[KnownMistake]
) -> dict[_Candidate, float]:
    """Return the errors of all predictions that are close enough at one trial point."""
    errors: dict[_Candidate, float] = {}
    with np.errstate(all="ignore"):
        for mistake in mistakes:
            for context in contexts:
                if mistake.step != context.step or mistake.quantity not in context.quantities:
                    continue
                for prediction in _predictions(mistake, context):
                    error = relative_error(context.given, prediction.value)
                    if error <= mistake.relative:
                        words = tuple(prediction.words.items())
                        errors[_Candidate(mistake, context.latent, words)] = error
    return errors


def _predictions(mistake: KnownMistake, context: MistakeContext) -> Iterator[Prediction]:
    """Yield the predictions; none that would follow one whose computation fails."""
    try:
        yield from mistake.predict(context)
    except Exception:  # the author's own functions may fail at wrong values
        return


def _named(errors: Mapping[_Candidate, float]) -> Explanation | None:
    """Choose which of the candidates are named.

    Of those that name a cause, all are named if they are no more than `_MAX_NAMED`. Otherwise the
    first of those that only relate the numbers is named, which is true whatever the cause is.
    """
    if not errors:
        return None
    largest = max(_EQUAL_ERROR_FACTOR * min(errors.values()), _EQUAL_ERROR_RELATIVE)
    equal = sorted(
        (candidate for candidate, error in errors.items() if error <= largest),
        key=lambda candidate: (candidate.mistake.priority, candidate.mistake.name),
    )
    causes = [candidate for candidate in equal if not candidate.mistake.only_numbers]
    hints = list(dict.fromkeys(candidate.hint for candidate in causes))
    if 0 < len(hints) <= _MAX_NAMED:
        increases_q = any(candidate.mistake.increases_q for candidate in causes)
        return Explanation(", or ".join(hints), increases_q)
    relation = next((one for one in equal if one.mistake.only_numbers), None)
    return None if relation is None else Explanation(relation.hint, relation.mistake.increases_q)

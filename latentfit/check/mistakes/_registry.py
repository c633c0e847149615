"""The known mistakes: what each one is, and the decorator that registers it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from latentfit.check.closeness import SAME_VALUE_RELATIVE
from latentfit.check.mistakes._context import MistakeContext, Quantity


@dataclass(frozen=True)
class Prediction:
    """The value that a known mistake would lead to.

    Attributes
    ----------
    value : ndarray
        Of the whole entry of the E step, or of the whole parameter.
    words : mapping
        What stands in the hint at the placeholders in braces.
    """

    value: np.ndarray
    words: Mapping[str, str] = field(default_factory=dict)


def predict(value: np.ndarray, /, **words: str) -> Prediction:
    """Return a `Prediction`, with the words for the placeholders of the hint."""
    return Prediction(value, words)


Predict = Callable[[MistakeContext], Iterator[Prediction]]


@dataclass(frozen=True)
class KnownMistake:
    """One known mistake.

    Attributes
    ----------
    name : str
        Module and function that predict its numbers.
    step : {"E", "M"}
    quantity : str
        The kind of quantity that it applies to, see `Quantity`.
    priority : int
        Of several mistakes that predict the same numbers, the lowest priority is named.
    hint : str
        One sentence, in which placeholders in braces stand for `Prediction.words`.
    increases_q : bool
        Whether an M step with this mistake may still increase Q, and then is a correct
        generalised EM step.
    only_numbers : bool
        Whether the hint states a relation between the numbers, such as "twice", but no cause of it.
        It is given only if no known mistake that names a cause reproduces the numbers.
    searched : bool
        Whether a prediction depends on a number that is found from what the step returned. Such a
        prediction is a match only if the right values differ between trial points too; otherwise
        some number would always match.
    relative : float
        Largest difference from a prediction, relative to its largest entry, that is rounding.
    predict : callable
        From a `MistakeContext` to `Prediction` objects.
    """

    name: str
    step: Literal["E", "M"]
    quantity: Quantity
    priority: int
    hint: str
    increases_q: bool
    only_numbers: bool
    searched: bool
    relative: float
    predict: Predict


_REGISTERED: dict[str, KnownMistake] = {}


def known_mistake(
    *,
    step: Literal["E", "M"],
    quantity: Quantity,
    priority: int,
    hint: str,
    increases_q: bool = False,
    only_numbers: bool = False,
    searched: bool = False,
    relative: float = SAME_VALUE_RELATIVE,
) -> Callable[[Predict], Predict]:
    """Register the decorated function as a known mistake, see `KnownMistake`."""

    def register(function: Predict) -> Predict:
        name = f"{function.__module__}.{function.__qualname__}:{step}"
        _REGISTERED[name] = KnownMistake(
            name,
            step,
            quantity,
            priority,
            hint,
            increases_q,
            only_numbers,
            searched,
            relative,
            function,
        )
        return function

    return register


def registered() -> list[KnownMistake]:
    """Return all known mistakes in the order of their priority."""
    return sorted(_REGISTERED.values(), key=lambda mistake: (mistake.priority, mistake.name))

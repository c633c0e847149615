"""Known mistakes, each as a prediction of the numbers that it would lead to.

A hypothesis is offered as a hint only if its prediction is what the step returned, at every
θ that was tried, and the right answer is not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations

import numpy as np

from latentfit.check._subject import Subject, Trial
from latentfit.declaration import Params
from latentfit.errors import DeclarationError

Prediction = tuple[str, np.ndarray]

# Rounding, and the single precision that a derivation may be written in.
CLOSE = 1e-5
_MOST_PERMUTED = 5

# Where it increases Q all the same, this is a conditional maximisation (ECM) and no mistake.
STALE = "the update uses the old values of the other parameters"


def explain(
    given: Sequence[np.ndarray], predictions: Sequence[Mapping[str, np.ndarray]]
) -> str | None:
    """The hypothesis whose predictions match what was given at every θ, and best.

    Parameters
    ----------
    given : sequence of ndarray
        One an examined θ.
    predictions : sequence of mapping
        ``{hint: prediction}`` for each of them.
    """
    if not given:
        return None
    misses = {
        hint: max(
            miss(value, predicted[hint])
            for value, predicted in zip(given, predictions, strict=True)
        )
        for hint in predictions[0]
        if all(hint in predicted for predicted in predictions)
    }
    best = min(misses, key=lambda hint: misses[hint], default=None)
    return best if best is not None and misses[best] <= CLOSE else None


def miss(given: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest expected entry; infinite if incomparable."""
    given, expected = np.asarray(given, float), np.asarray(expected, float)
    if given.shape != expected.shape or not np.isfinite(expected).all():
        return float("inf")
    scale = np.max(np.abs(expected), initial=0.0)
    worst = float(np.max(np.abs(given - expected), initial=0.0))
    if worst == 0:
        return 0.0
    return worst / scale if np.isfinite(worst) and scale > 0 else float("inf")


def close(given: np.ndarray, expected: np.ndarray) -> bool:
    """Equal to rounding."""
    return miss(given, expected) <= CLOSE


def probabilities(subject: Subject, trial: Trial, expected: np.ndarray) -> dict[str, np.ndarray]:
    """What known mistakes make of the probabilities of a categorical latent, shape (..., K)."""
    found: dict[str, np.ndarray] = {}
    with np.errstate(all="ignore"):
        if subject.complete.joint is not None:
            joint, prior = subject.complete.joint(trial.point)
            across = tuple(range(joint.ndim - 1))
            dense = np.exp(joint)
            found |= {
                "the mixing weights p(z) are left out of Bayes' theorem": _softmax(joint - prior),
                "the mixing weights p(z) are used twice": _softmax(joint + prior),
                "the data are left out: these are the prior probabilities p(z)": _softmax(prior),
                "these are joint densities p(x, z), not normalised over the categories": dense,
                "these are densities p(x | z): neither weighted nor normalised": np.exp(
                    joint - prior
                ),
                "normalised over the observations instead of the categories": dense
                / dense.sum(axis=across, keepdims=True),
                "normalised over everything at once instead of each observation": dense
                / dense.sum(),
                "these are log-probabilities; their exponential is wanted": joint,
                "log p(x | z) is used in place of a probability": joint - prior,
            }
            found["log-probabilities are normalised as if they were probabilities"] = (
                joint / joint.sum(axis=-1, keepdims=True)
            )
            for power, words in ((2.0, "twice"), (0.5, "half")):
                found[f"the log joint density is {words} what it should be"] = _softmax(
                    power * joint
                )
        found |= {
            "hard assignments: the most probable category gets 1, the others 0": _hard(expected),
            "these are logarithms of the probabilities": np.log(expected),
            "normalised over the observations instead of the categories ": expected
            / expected.sum(axis=tuple(range(expected.ndim - 1)), keepdims=True),
            "every category is given the same probability": np.full_like(
                expected, 1 / expected.shape[-1]
            ),
            "these are 1 minus the probabilities": 1 - expected,
            "the probabilities are squared": expected**2,
        }
        found |= _misused(subject, trial)
        size = expected.shape[-1]
        if size <= _MOST_PERMUTED:
            for order in permutations(range(size)):
                if list(order) != list(range(size)):
                    listed = ", ".join(map(str, order))
                    found[f"the categories are in another order ({listed})"] = expected[
                        ..., list(order)
                    ]
    return found


def _misused(subject: Subject, trial: Trial) -> Iterator[Prediction]:
    """The expectations that follow if one parameter is taken for a function of it."""
    space = subject.density.space
    natural = space.constrain(trial.point)
    mistaken: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
        ("its square (a variance where the standard deviation belongs)", np.square),
        ("its square root (a standard deviation where the variance belongs)", np.sqrt),
        ("1 over it (a rate where the scale belongs, or the reverse)", np.reciprocal),
        ("1 over its square (a precision where the standard deviation belongs)", _precision),
    )
    for name in space.parameters:
        value = np.asarray(natural[name], float)
        if not np.all(value > 0):
            continue
        for words, function in mistaken:
            changed = {n: natural[n] for n in space.parameters} | {name: function(value)}
            try:
                point = space.unconstrain(changed)
            except DeclarationError:
                continue
            statistics = subject.complete.statistics(point, np.random.default_rng(0))
            yield f"in place of {name} stands {words}", next(iter(statistics.values()))


def _precision(value: np.ndarray) -> np.ndarray:
    return value**-2.0


def means(subject: Subject, trial: Trial, name: str, expected: np.ndarray) -> dict[str, np.ndarray]:
    """What known mistakes make of the conditional mean of a continuous latent."""
    whole = np.ma.asarray(subject.data.get(name.removesuffix("_unobserved"), np.ma.masked_all(1)))
    seen = whole.compressed().astype(float)
    count = len(seen)
    with np.errstate(all="ignore"):
        found = {
            "rate for scale, or the reverse: this is 1 over the mean": 1 / expected,
            "this is the square of the mean": expected**2,
            "this is the square root of the mean": np.sqrt(expected),
            "the missing values are counted as zero": np.zeros_like(expected),
            "this is the median of an exponential, log 2 times its mean": np.log(2) * expected,
            "this is twice the mean": 2 * expected,
            "this is half the mean": expected / 2,
            "the sign is wrong": -expected,
            "these are logarithms of the means": np.log(expected),
            "a sum where a mean belongs": expected * expected.size,
        }
        if count:
            found |= {
                "the mean of the observed values stands in for the expectation": np.full_like(
                    expected, seen.mean()
                ),
                "the median of the observed values stands in for it": np.full_like(
                    expected, np.median(seen)
                ),
                "the sum of the observed values stands in for it": np.full_like(
                    expected, seen.sum()
                ),
            }
    return found


def estimates(
    name: str,
    trial: Trial,
    oracle: Params,
    alone: Params,
    with_prior: Params | None,
    hardened: Params | None,
    counts: Mapping[str, np.ndarray | float],
) -> dict[str, np.ndarray]:
    """What known mistakes make of one parameter in the M step.

    Parameters
    ----------
    name : str
    trial : Trial
    oracle : dict
        What maximises Q.
    alone : dict
        What maximises Q in each parameter with all others held at their old values.
    with_prior, hardened : dict or None
        What maximises Q plus the log prior, and Q with hard assignments.
    counts : mapping
        ``{words: number, or one for each component}``: the n's that may be confused.
    """
    expected = np.asarray(oracle[name], float)
    found: dict[str, np.ndarray] = {}
    if name in trial.params:
        old = np.asarray(trial.params[name], float)
        found["the parameter is not updated"] = old
        if old.shape == expected.shape:
            for index in np.ndindex(old.shape):
                kept = expected.copy()
                kept[index] = old[index]
                found[f"{name}[{','.join(map(str, index))}] is not updated"] = kept
    if with_prior is not None:
        found["the prior is counted: this maximises Q plus the log prior"] = with_prior[name]
    found[STALE] = alone[name]
    with np.errstate(all="ignore"):
        found |= {
            "the variance where the standard deviation belongs": expected**2,
            "the standard deviation where the variance belongs": np.sqrt(expected),
            "rate for scale, or the reverse": 1 / expected,
            "these are logarithms": np.log(expected),
            "the sign is wrong": -expected,
        }
        for words, count in counts.items():
            found |= _miscounted(expected, words, np.asarray(count, float))
        for one, other in permutations(counts, 2):
            ratio = np.asarray(counts[other], float) / np.asarray(counts[one], float)
            if ratio.ndim and ratio.shape != expected.shape:
                continue
            for power, words in ((1.0, ""), (0.5, " of the variance"), (-1.0, " (numerator)")):
                found[f"{one} in the divisor{words} where {other} belongs"] = (
                    expected * ratio**power
                )
        for factor, words in ((2.0, "twice"), (0.5, "half"), (4.0, "four times")):
            found[f"this is {words} what it should be"] = factor * expected
            found[f"its square is {words} what it should be"] = np.sqrt(factor) * expected
    if hardened is not None:
        found["hard assignments are used for the responsibilities"] = hardened[name]
    if expected.ndim and 1 < expected.shape[-1] <= _MOST_PERMUTED:
        for order in permutations(range(expected.shape[-1])):
            if list(order) != sorted(order):
                found["the components are in another order"] = expected[..., list(order)]
        total = expected.sum(axis=-1, keepdims=True)
        found["one value for all components: their mean"] = np.broadcast_to(
            total / expected.shape[-1], expected.shape
        )
    return found


def _miscounted(expected: np.ndarray, words: str, count: np.ndarray) -> Iterator[Prediction]:
    if count.ndim and count.shape != expected.shape:
        return iter(())
    less, more = f"{words} - 1 where {words} belongs", f"{words} + 1 where {words} belongs"
    reverse = f"{words} where {words} - 1 belongs"
    return iter(
        [
            (f"{less}, in the divisor", expected * count / (count - 1)),
            (f"{less}, in the divisor of the variance", expected * np.sqrt(count / (count - 1))),
            (f"{less}, in the numerator", expected * (count - 1) / count),
            (f"{more}, in the divisor", expected * count / (count + 1)),
            (f"{more}, in the divisor of the variance", expected * np.sqrt(count / (count + 1))),
            (f"{more}, in the numerator", expected * (count + 1) / count),
            (f"{reverse}, in the variance", expected * np.sqrt((count - 1) / count)),
            (f"a sum where a mean belongs: it is not divided by {words}", expected * count),
            (f"a mean where a sum belongs: it is divided by {words}", expected / count),
            (f"the variance is not divided by {words}", expected * np.sqrt(count)),
        ]
    )


def _softmax(values: np.ndarray) -> np.ndarray:
    shifted = np.exp(values - values.max(axis=-1, keepdims=True))
    result: np.ndarray = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def _hard(probabilities: np.ndarray) -> np.ndarray:
    return np.eye(probabilities.shape[-1])[probabilities.argmax(axis=-1)]


def orders(size: int) -> Iterable[tuple[int, ...]]:
    """Every order of K components, the identity first; only that one where K is large."""
    return permutations(range(size)) if size <= _MOST_PERMUTED else [tuple(range(size))]


Predict = Callable[[Trial], Mapping[str, np.ndarray]]

"""Known mistakes in an E step, each as a prediction of the numbers that it would lead to."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from latentfit.bayes import Chain, CompleteData, Statistics, pairs_of, smoothed
from latentfit.check._explain import reordered
from latentfit.check._subject import Subject, Trial
from latentfit.errors import DeclarationError

Prediction = tuple[str, np.ndarray]

FUNCTION_OF_EXPECTATION = (
    "the function of the expectation stands for the expectation of the function: "
    "a second moment, say, without its variance term"
)


def mistaken(subject: Subject, trial: Trial) -> Iterator[tuple[str, Statistics]]:
    """What known mistakes make of p(z | x, θ) where the latents are discrete.

    Yields
    ------
    str, dict
        The mistake in words, and the statistics in place of `Trial.statistics`.
    """
    complete, right = subject.complete, trial.statistics
    with np.errstate(all="ignore"):
        if complete.chain is not None:
            yield from _of_a_chain(complete, complete.chain(trial.point))
        else:
            for name in complete.latents:
                for hint, r in _of_categories(complete, trial, name):
                    yield hint, {**right, name: r}
        yield from _misused(subject, trial)
        for name in complete.latents:
            for hint, r in _of_probabilities(right[name]):
                yield hint, {**right, name: r}


def _of_categories(complete: CompleteData, trial: Trial, name: str) -> Iterator[Prediction]:
    """Bayes' theorem gone wrong, shape (*shape, K)."""
    if complete.joint is None:
        return
    joint, prior = complete.joint(trial.point)[name]
    across = tuple(range(joint.ndim - 1))
    dense = np.exp(joint)
    yield "the mixing weights p(z) are left out of Bayes' theorem", _softmax(joint - prior)
    yield "the mixing weights p(z) are used twice", _softmax(joint + prior)
    yield "the data are left out: these are the prior probabilities p(z)", _softmax(prior)
    yield "these are joint densities p(x, z), not normalised over the categories", dense
    yield "these are densities p(x | z): neither weighted nor normalised", np.exp(joint - prior)
    yield (
        "normalised over the observations instead of the categories",
        dense / dense.sum(axis=across, keepdims=True),
    )
    yield (
        "normalised over everything at once instead of each observation",
        dense / dense.sum(),
    )
    yield "these are log-probabilities; their exponential is wanted", joint
    yield "log p(x | z) is used in place of a probability", joint - prior
    yield (
        "log-probabilities are normalised as if they were probabilities",
        joint / joint.sum(axis=-1, keepdims=True),
    )
    for power, words in ((2.0, "twice"), (0.5, "half")):
        yield f"the log joint density is {words} what it should be", _softmax(power * joint)


def _of_a_chain(complete: CompleteData, chain: Chain) -> Iterator[tuple[str, Statistics]]:
    """Forwards and backwards gone wrong."""
    (name,) = complete.latents

    def told(gamma: np.ndarray, xi: np.ndarray) -> Statistics:
        return {name: gamma, pairs_of(name): xi}

    flat = np.zeros_like(chain.initial)
    transposed = np.swapaxes(chain.transition, -1, -2)
    yield (
        "these are filtered: what comes later in the sequence is not used",
        told(*smoothed(chain, ahead=False)),
    )
    yield (
        "the transition matrix is transposed",
        told(*smoothed(replace(chain, transition=transposed))),
    )
    yield (
        "the transition matrix is left out: every state follows every other alike",
        told(*smoothed(replace(chain, transition=np.zeros_like(chain.transition)))),
    )
    yield (
        "the initial distribution is left out",
        told(*smoothed(replace(chain, initial=flat))),
    )
    yield (
        "the data are left out: these are the probabilities of the chain alone",
        told(*smoothed(replace(chain, emission=np.zeros_like(chain.emission)))),
    )
    gamma, xi = smoothed(chain)
    yield "the pairs are the wrong way round", told(gamma, np.swapaxes(xi, -1, -2))
    independent = gamma[..., :-1, :, None] * gamma[..., 1:, None, :]
    yield (
        "a pair's probability is taken for the product of its states', as if neighbours were "
        "independent given the data",
        told(gamma, independent),
    )


def _of_probabilities(expected: np.ndarray) -> Iterator[Prediction]:
    yield "hard assignments: the most probable category gets 1, the others 0", _hard(expected)
    yield "these are logarithms of the probabilities", np.log(expected)
    yield (
        "normalised over the observations instead of the categories ",
        expected / expected.sum(axis=tuple(range(expected.ndim - 1)), keepdims=True),
    )
    yield (
        "every category is given the same probability",
        np.full_like(expected, 1 / expected.shape[-1]),
    )
    yield "these are 1 minus the probabilities", 1 - expected
    yield "the probabilities are squared", expected**2
    for order, moved in reordered(expected):
        yield f"the categories are in another order ({', '.join(map(str, order))})", moved


def _misused(subject: Subject, trial: Trial) -> Iterator[tuple[str, Statistics]]:
    """The expectations that follow if one parameter is taken for a function of it."""
    space = subject.density.space
    natural = space.constrain(trial.point)
    functions: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
        ("its square (a variance where the standard deviation belongs)", np.square),
        ("its square root (a standard deviation where the variance belongs)", np.sqrt),
        ("1 over it (a rate where the scale belongs, or the reverse)", np.reciprocal),
        ("1 over its square (a precision where the standard deviation belongs)", _precision),
    )
    for name in space.parameters:
        value = np.asarray(natural[name], float)
        if not np.all(value > 0):
            continue
        for words, function in functions:
            changed = {n: natural[n] for n in space.parameters} | {name: function(value)}
            try:
                point = space.unconstrain(changed)
            except DeclarationError:
                continue
            statistics = subject.complete.statistics(point, np.random.default_rng(0))
            yield f"in place of {name} stands {words}", statistics


def arrays(expected: np.ndarray, plugged: np.ndarray | None) -> dict[str, np.ndarray]:
    """What known mistakes make of the expectation of a declared statistic.

    Parameters
    ----------
    expected : ndarray
    plugged : ndarray or None
        The statistic of the latents' expectations.
    """
    found = {
        "this is twice what it should be": 2 * expected,
        "this is half what it should be": expected / 2,
        "the sign is wrong": -expected,
    }
    with np.errstate(all="ignore"):
        found["a mean where a sum belongs"] = expected / expected.size
        found["these are shares of the whole: not divided by their sum they are what is wanted"] = (
            expected / expected.sum()
        )
        found["this is 1 over what it should be"] = 1 / expected
    if expected.ndim == 2 and expected.shape[0] == expected.shape[1]:
        found["it is transposed"] = expected.T
        with np.errstate(all="ignore"):
            found["its rows are divided by their sums"] = expected / expected.sum(
                axis=1, keepdims=True
            )
    if plugged is not None:
        found[FUNCTION_OF_EXPECTATION] = plugged
    return found


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


def _softmax(values: np.ndarray) -> np.ndarray:
    shifted = np.exp(values - values.max(axis=-1, keepdims=True))
    result: np.ndarray = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def _hard(probabilities: np.ndarray) -> np.ndarray:
    return np.eye(probabilities.shape[-1])[probabilities.argmax(axis=-1)]

"""Known mistakes in an M step, each as a prediction of the numbers that it would lead to."""

from collections.abc import Iterator, Mapping
from itertools import permutations

import numpy as np

from latentfit.check._explain import MOST_PERMUTED, reordered
from latentfit.check._subject import Trial
from latentfit.declaration import Params

Prediction = tuple[str, np.ndarray]

# Where it increases Q all the same, this is a conditional maximisation (ECM) and no mistake.
STALE = "the update uses the old values of the other parameters"


def estimates(
    name: str,
    trial: Trial,
    oracle: Params,
    alone: Params,
    with_prior: Params | None,
    hardened: Params | None,
    counts: Mapping[str, np.ndarray | float],
    moves: tuple[np.ndarray, np.ndarray] | None,
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
    moves : tuple of ndarray or None
        Of a Markov chain, the expected transitions, (K, K), and visits to each state, (K,).
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
    if expected.ndim and 1 < expected.shape[-1] <= MOST_PERMUTED:
        for order, moved in reordered(expected):
            listed = ", ".join(map(str, order))
            found[f"the components are in another order ({listed})"] = moved
        total = expected.sum(axis=-1, keepdims=True)
        found["one value for all components: their mean"] = np.broadcast_to(
            total / expected.shape[-1], expected.shape
        )
    if moves is not None and expected.shape == moves[0].shape:
        found |= _transitions(*moves)
    return found


def _transitions(moves: np.ndarray, visits: np.ndarray) -> Iterator[Prediction]:
    """A transition matrix gone wrong."""
    rows = moves / moves.sum(axis=1, keepdims=True)
    return iter(
        [
            ("the transition matrix is transposed", rows.T),
            (
                "the transition matrix is normalised over the states that are left, not those "
                "that are entered",
                moves / moves.sum(axis=0),
            ),
            (
                "the transitions from each state are divided by all its visits, the last moment "
                "included, from which nothing departs: all T in place of T - 1",
                moves / visits[:, None],
            ),
            ("the transitions are not normalised", moves),
            ("the transitions are divided by their total, not row by row", moves / moves.sum()),
        ]
    )


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

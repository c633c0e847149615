"""An entry of the E step, compared with draws of the latents from p(z | x, θ).

The difference between a value and the mean of M draws is measured in Monte Carlo standard errors,
sd / √M. A finding needs a difference that occurs by chance in one of all compared entries with no
more than a given probability, the same for every comparison of a check (`_false_alarms`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes import FUNCTION_OF_EXPECTATION, confirmed
from latentfit.check.result import Check, Finding, Outcome
from latentfit.declaration import labels

# Relative to the largest entry: means over draws that stand for the same expectation.
_SAME_SAMPLED_VALUE_RELATIVE = 0.05
# Relative to the distance of the function of the mean from the mean of the function: a value that
# is farther from the former lacks only a part of that distance.
_SAME_SHARE_OF_DISTANCE = 0.2


def compare(
    name: str,
    trials: Sequence[TrialPoint],
    values: Sequence[np.ndarray],
    false_alarm: float,
    categories: np.ndarray | None = None,
) -> Outcome:
    """Compare one entry with draws at all trial points, and report the worst difference.

    Parameters
    ----------
    name : str
    trials : sequence of TrialPoint
        Whose statistics are draws of the entry, sample axis first.
    values : sequence of ndarray
        What the E step returned at each of them.
    false_alarm : float
        Probability of accusing a right entry.
    categories : ndarray of int, shape (K,), optional
        The values of a categorical latent, whose probabilities the values are. By default the
        values are means.
    """
    from scipy.stats import norm

    id = f"e_step.{name}"
    compared = sum(value.size for value in values)
    threshold = float(norm.isf(false_alarm / (2 * compared)))
    worst, message = 0.0, ""
    evidence: Mapping[str, Any] = {}
    for trial, value in zip(trials, values, strict=True):
        draws = trial.statistics[name]
        last = () if categories is None else categories.shape
        if value.shape != (*draws.shape[1:], *last):
            detail = (
                f"not tested: e_step returns {name} with shape {value.shape}, and a draw of it "
                f"under the model has shape {draws.shape[1:]}"
            )
            return Outcome((Check(id, "skip", detail),))
        if not np.isfinite(draws).all():
            detail = (
                f"not tested: the draws of {name} from p(z | x, θ) are not all finite numbers "
                f"(θ is {trial.label})"
            )
            return Outcome((Check(id, "skip", detail),))
        mean, z = (
            _z_of_means(value, draws)
            if categories is None
            else _z_of_probabilities(value, draws, categories)
        )
        place = int(np.argmax(z))
        if z.flat[place] > worst:
            worst = float(z.flat[place])
            entry = labels(name, value.shape)[place]
            message = (
                f"{entry} is {value.flat[place]:.6g}; the mean of {len(draws)} draws from "
                f"p(z | x, θ) is {mean.flat[place]:.6g} ({_in_words(worst)}; θ is {trial.label})"
            )
            evidence = {
                "entry": entry,
                "given": float(value.flat[place]),
                "expected": float(mean.flat[place]),
                "z": worst,
                "where": trial.label,
            }
    if worst <= threshold:
        detail = (
            f"{name} agrees with draws from p(z | x, θ): the largest of {compared} differences is "
            f"{worst:.1f} standard errors; {threshold:.1f} are allowed"
        )
        return Outcome((Check(id, "pass", detail),))
    return Outcome(
        (Check(id, "fail", message),), (Finding("E", name, "error", message, None, evidence),)
    )


def compare_declared(
    examination: Examination,
    name: str,
    trials: Sequence[TrialPoint],
    values: Sequence[np.ndarray],
    false_alarm: float,
) -> Outcome:
    """Compare an entry that is declared as a function of the latents with draws of the latents.

    Parameters
    ----------
    examination : Examination
    name, trials, values, false_alarm
        As for `compare`; draws of the entry are computed from draws of the latents.
    """
    function, with_draws, plugged_in = examination.expectations[name], [], []
    for trial in trials:
        latents = examination.draws(trial)
        count = len(next(iter(latents.values())))
        draws = [
            function({n: one[i] for n, one in latents.items()}, examination.data)
            for i in range(count)
        ]
        with_draws.append(replace(trial, statistics={name: np.array(draws, dtype=float)}))
        if all(one.dtype.kind == "f" for one in latents.values()):
            means = {n: one.mean(axis=0) for n, one in latents.items()}
            plugged_in.append(np.asarray(function(means, examination.data), float))
    outcome = compare(name, with_draws, values, false_alarm)
    means_of_function = [trial.statistics[name].mean(axis=0) for trial in with_draws]
    if (
        not outcome.findings
        or not confirmed(trials)
        or not _is_function_of_expectation(values, plugged_in, means_of_function)
    ):
        return outcome
    hint = FUNCTION_OF_EXPECTATION
    return Outcome(outcome.checks, tuple(replace(f, hint=hint) for f in outcome.findings))


def _in_words(z: float) -> str:
    if np.isfinite(z):
        return f"difference of {z:.1f} standard errors"
    return "a value that has probability zero"


def _is_function_of_expectation(
    values: Sequence[np.ndarray],
    plugged_in: Sequence[np.ndarray],
    means_of_function: Sequence[np.ndarray],
) -> bool:
    """Return whether the values are the function of the latents' means, to the draws' precision.

    `plugged_in` is empty for discrete latents: a function of categories or counts need not be
    defined for other numbers.
    """
    return bool(plugged_in) and all(
        value.shape == point.shape == mean.shape
        and np.max(np.abs(value - point), initial=0.0)
        <= min(
            _SAME_SAMPLED_VALUE_RELATIVE * np.max(np.abs(point), initial=0.0),
            _SAME_SHARE_OF_DISTANCE * np.max(np.abs(mean - point), initial=0.0),
        )
        for value, point, mean in zip(values, plugged_in, means_of_function, strict=True)
    )


def _z_of_means(value: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of M draws, and the distances of the values from them in standard errors.

    Events with a probability of less than about 1 / M may not occur among the draws. A standard
    error is therefore at least the largest draw divided by M.
    """
    mean, count = draws.mean(axis=0), len(draws)
    least = np.max(np.abs(draws), initial=0.0) / count
    error = np.maximum(draws.std(axis=0, ddof=1) / np.sqrt(count), least)
    with np.errstate(all="ignore"):
        z = np.abs(value - mean) / error
    return mean, np.where(value == mean, 0.0, np.where(np.isnan(z), np.inf, z))


def _z_of_probabilities(
    value: np.ndarray, draws: np.ndarray, categories: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return relative frequencies among M draws, and how unlikely they are as z-scores.

    Frequencies near 0 and 1 are far from normal. If the probabilities were right, the counts would
    be binomial; the z-score is that of a normal distribution with the same two-sided tail.
    """
    from scipy.stats import binom, norm

    count = len(draws)
    seen = np.stack([np.sum(draws == k, axis=0) for k in categories], axis=-1)
    p = np.clip(value, 0.0, 1.0)
    tail = 2 * np.minimum(binom.cdf(seen, count, p), binom.sf(seen - 1, count, p))
    z = norm.isf(np.clip(tail, 0.0, 1.0) / 2)
    possible = (value >= 0) & (value <= 1)
    return seen / count, np.where(possible, z, np.inf)

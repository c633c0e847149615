"""The E step alone: are its entries the conditional expectations of the latents?

For every θ that is tried, the entry named as a latent z is compared with p(z | x, θ) of the
declaration: with category probabilities of a discrete latent, with the mean of a continuous one.
A step can be right at the maximum and wrong elsewhere, so most θ lie away from it.

Where the declaration's expectations are exact, so is the comparison. Where they are means of M
draws, each entry's difference is set against its Monte Carlo standard error, sd / √M, and a
finding needs a difference that one entry among all those compared would show by chance with
its share of a probability of 1e-3.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from latentfit.check._chance import share
from latentfit.check._explain import CLOSE, explain, orders
from latentfit.check._mistakes_e_step import FUNCTION_OF_EXPECTATION, arrays, means, mistaken
from latentfit.check._result import Check, Finding, Outcome
from latentfit.check._subject import Subject, Trial
from latentfit.declaration import labels


def examine(subject: Subject, given: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """Compare the E step with the declaration.

    Parameters
    ----------
    subject : Subject
    given : mapping
        ``{trial.where: what the E step returned there}``, for the trials where it returned.
    """
    names = (*subject.complete.latents, *subject.expectations)
    allowed = share(subject)
    outcomes = [_entry(subject, name, given, allowed) for name in names]
    return Outcome(
        tuple(check for outcome in outcomes for check in outcome.checks),
        tuple(finding for outcome in outcomes for finding in outcome.findings),
    )


def _entry(
    subject: Subject, name: str, given: Mapping[str, Mapping[str, Any]], allowed: float
) -> Outcome:
    trials = [t for t in subject.trials if name in given.get(t.where, {})]
    if not trials:
        if subject.expectations and name not in subject.expectations:
            return Outcome()
        return Outcome((Check(f"e_step.{name}", "skip", "the E step returns no such entry"),))
    values = [np.asarray(given[t.where][name], float) for t in trials]
    if all(name in trial.expected for trial in trials):
        return _exact(subject, name, trials, values)
    if name in subject.expectations:
        return _declared(subject, name, trials, values, allowed)
    return _by_draws(name, trials, values, allowed)


def consistent_order(
    subject: Subject, given: Mapping[str, Mapping[str, Any]]
) -> tuple[int, ...] | None:
    """How the E step orders the categories of a discrete latent, if not as the model does.

    None where it keeps the model's order, or no one order explains its entries at every θ.
    """
    if not (subject.complete.exact and subject.complete.discrete):
        return None
    if len(subject.complete.latents) > 1 or subject.expectations:
        return None
    (name,) = subject.complete.latents
    trials = [t for t in subject.trials if name in given.get(t.where, {})]
    values = [np.asarray(given[t.where][name], float) for t in trials]
    expected = [t.expected[name] for t in trials]
    if not trials or any(v.shape != e.shape for v, e in zip(values, expected, strict=True)):
        return None
    for order in orders(expected[0].shape[-1]):
        if all(
            np.all(np.abs(v - e[..., list(order)]) <= CLOSE)
            for v, e in zip(values, expected, strict=True)
        ):
            return None if list(order) == sorted(order) else order
    return None


def _exact(subject: Subject, name: str, trials: list[Trial], values: list[np.ndarray]) -> Outcome:
    probabilities = subject.complete.discrete and name in subject.complete.latents
    worst, where, entry = 0.0, trials[0], ""
    given_there = expected_there = np.nan
    for trial, value in zip(trials, values, strict=True):
        expected = np.asarray(trial.expected[name], float)
        if value.shape != expected.shape:
            return Outcome(
                (Check(f"e_step.{name}", "skip", "its shape is wrong: see the contract"),)
            )
        # Probabilities have a scale of their own; means are held to the largest of them.
        scale = 1.0 if probabilities else np.max(np.abs(expected), initial=0.0) or 1.0
        error = np.abs(value - expected) / scale
        error = np.where(np.isfinite(error), error, np.inf)
        if error.size and error.max() > worst:
            place = int(error.argmax())
            worst, where = float(error.max()), trial
            entry = labels(name, value.shape)[place]
            given_there, expected_there = float(value.flat[place]), float(expected.flat[place])
    if worst <= CLOSE:
        detail = f"{name} is the conditional expectation at {len(trials)} values of θ, to "
        return Outcome((Check(f"e_step.{name}", "pass", f"{detail}{worst:.1g} (exact)"),))
    hint = explain(values, [_predicted(subject, trial, name) for trial in trials])
    if hint is None and probabilities:
        hint = _unnormalised(trials, values, name)
    message = (
        f"{entry} is {given_there:.6g} where p(z | x, θ) gives {expected_there:.6g} "
        f"({where.where}; exact)"
    )
    finding = Finding(
        "E",
        name,
        "error",
        message,
        hint.strip() if hint else None,
        {"entry": entry, "given": given_there, "expected": expected_there, "where": where.where},
    )
    return Outcome((Check(f"e_step.{name}", "fail", message),), (finding,))


def _predicted(subject: Subject, trial: Trial, name: str) -> dict[str, np.ndarray]:
    """What known mistakes make of one entry."""
    complete, expected = subject.complete, trial.expected[name]
    if not complete.exact:
        return {}
    if not complete.discrete:
        found = means(subject, trial, name, expected)
    elif name in complete.latents:
        found = {hint: statistics[name] for hint, statistics in mistaken(subject, trial)}
    else:
        terms = complete.additive(subject.expectations[name], trial.statistics)
        assert terms is not None  # or there would be no exact expectation
        found = {
            hint: complete.mean(terms, statistics) for hint, statistics in mistaken(subject, trial)
        }
    if name in subject.expectations:
        found |= arrays(expected, _plugged(subject, trial, name))
    return found


def _plugged(subject: Subject, trial: Trial, name: str) -> np.ndarray | None:
    """The statistic of the expectations of continuous latents."""
    if subject.complete.discrete:
        return None
    latents = {latent: trial.expected[latent] for latent in subject.complete.latents}
    return np.asarray(subject.expectations[name](latents, subject.data), float)


def _unnormalised(trials: list[Trial], values: list[np.ndarray], name: str) -> str | None:
    with np.errstate(all="ignore"):
        right = all(
            np.allclose(v / v.sum(axis=-1, keepdims=True), t.expected[name], atol=CLOSE)
            for t, v in zip(trials, values, strict=True)
        )
    return "the responsibilities are not normalised: each row should sum to 1" if right else None


def _by_draws(name: str, trials: list[Trial], values: list[np.ndarray], allowed: float) -> Outcome:
    from scipy.stats import norm

    compared = sum(value.size for value in values)
    threshold = float(norm.isf(allowed / (2 * compared)))
    worst, message, evidence = 0.0, "", {}
    for trial, value in zip(trials, values, strict=True):
        draws = trial.statistics[name]
        shares = value.ndim == draws.ndim
        if value.shape[: draws.ndim - 1] != draws.shape[1:] or value.ndim > draws.ndim:
            return Outcome(
                (Check(f"e_step.{name}", "skip", "its shape is wrong: see the contract"),)
            )
        mean, z = (_frequencies if shares else _averages)(value, draws)
        place = int(np.argmax(z))
        if z.flat[place] > worst:
            worst = float(z.flat[place])
            entry = labels(name, value.shape)[place]
            message = (
                f"{entry} is {value.flat[place]:.6g} where {len(draws)} draws from p(z | x, θ) "
                f"have mean {mean.flat[place]:.6g} ({trial.where}; z = {worst:.1f})"
            )
            evidence = {
                "entry": entry,
                "given": float(value.flat[place]),
                "expected": float(mean.flat[place]),
                "z": worst,
                "where": trial.where,
            }
    if worst <= threshold:
        detail = (
            f"{name} agrees with draws from p(z | x, θ): largest of {compared} differences "
            f"{worst:.1f} standard errors, {threshold:.1f} allowed"
        )
        return Outcome((Check(f"e_step.{name}", "pass", detail),))
    return Outcome(
        (Check(f"e_step.{name}", "fail", message),),
        (Finding("E", name, "error", message, None, evidence),),
    )


def _declared(
    subject: Subject,
    name: str,
    trials: list[Trial],
    values: list[np.ndarray],
    allowed: float,
) -> Outcome:
    """The declared expectation of a function of the latents, against the mean of draws."""
    function, told, plugged = subject.expectations[name], [], []
    for trial in trials:
        latents = subject.draws(trial)
        count = len(next(iter(latents.values())))
        every = [
            function({n: one[i] for n, one in latents.items()}, subject.data) for i in range(count)
        ]
        told.append(replace(trial, statistics={name: np.array(every, dtype=float)}))
        if not subject.complete.discrete:
            averages = {n: one.mean(axis=0) for n, one in latents.items()}
            plugged.append(np.asarray(function(averages, subject.data), float))
    outcome = _by_draws(name, told, values, allowed)
    # Means over draws enter the hypothesis, so that it is held to their precision. A function
    # of categories need not be one of their probabilities.
    near = plugged and all(
        value.shape == point.shape
        and np.all(np.abs(value - point) <= 0.05 * np.max(np.abs(point), initial=0.0))
        for value, point in zip(values, plugged, strict=True)
    )
    if not outcome.findings or not near:
        return outcome
    hint = FUNCTION_OF_EXPECTATION
    return Outcome(outcome.checks, tuple(replace(f, hint=hint) for f in outcome.findings))


def _averages(value: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of M draws, and how many Monte Carlo standard errors the values are away.

    What happens less often than about once in M draws may not show in their spread; a standard
    error is no less than the largest draw over M.
    """
    mean, count = draws.mean(axis=0), len(draws)
    least = np.max(np.abs(draws), initial=0.0) / count
    error = np.maximum(draws.std(axis=0, ddof=1) / np.sqrt(count), least)
    with np.errstate(all="ignore"):
        z = np.abs(value - mean) / error
    return mean, np.where(value == mean, 0.0, np.where(np.isnan(z), np.inf, z))


def _frequencies(value: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of categories among M draws, and the z-score of the binomial probability of them.

    Near 0 and 1 shares are far from normal: were the value right, the counts would be binomial,
    and the z-score is that of a normal with as much in its two tails.
    """
    from scipy.stats import binom, norm

    count = len(draws)
    seen = np.stack([np.sum(draws == k, axis=0) for k in range(value.shape[-1])], axis=-1)
    p = np.clip(value, 0.0, 1.0)
    tail = 2 * np.minimum(binom.cdf(seen, count, p), binom.sf(seen - 1, count, p))
    z = norm.isf(np.clip(tail, 0.0, 1.0) / 2)
    possible = (value >= 0) & (value <= 1)
    return seen / count, np.where(possible, z, np.inf)

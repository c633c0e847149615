"""The E step alone: are its entries the conditional expectations of the latents?

For every θ that is tried, the entry named as a latent z is compared with p(z | x, θ) of the
declaration: with category probabilities of a discrete latent, with the mean of a continuous one.
A step can be right at the maximum and wrong elsewhere, so most θ lie away from it.

Where the declaration's expectations are exact, so is the comparison. Where they are means of M
draws, each entry's difference is set against its Monte Carlo standard error, sd / √M, and a
finding needs a difference that one entry among all those compared would show by chance with
probability 1e-3 (Bonferroni).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from latentfit.check._hypotheses import CLOSE, explain, means, orders, probabilities
from latentfit.check._result import Check, Finding, Outcome
from latentfit.check._subject import Subject, Trial
from latentfit.declaration import labels

FALSE_ALARM = 1e-3


def examine(subject: Subject, given: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """Compare the E step with the declaration.

    Parameters
    ----------
    subject : Subject
    given : mapping
        ``{trial.where: what the E step returned there}``, for the trials where it returned.
    """
    checks: list[Check] = []
    findings: list[Finding] = []
    for name in subject.complete.latents:
        trials = [t for t in subject.trials if name in given.get(t.where, {})]
        if not trials:
            checks.append(Check(f"e_step.{name}", "skip", "the E step returns no such entry"))
            continue
        values = [np.asarray(given[t.where][name], float) for t in trials]
        one = _exact if subject.complete.exact else _by_draws
        outcome = one(subject, name, trials, values)
        checks.extend(outcome.checks)
        findings.extend(outcome.findings)
    for outcome in _declared(subject, given):
        checks.extend(outcome.checks)
        findings.extend(outcome.findings)
    return Outcome(tuple(checks), tuple(findings))


def consistent_order(
    subject: Subject, given: Mapping[str, Mapping[str, Any]]
) -> tuple[int, ...] | None:
    """How the E step orders the categories of a discrete latent, if not as the model does.

    None where it keeps the model's order, or no one order explains its entries at every θ.
    """
    if not (subject.complete.exact and subject.complete.discrete):
        return None
    (name,) = subject.complete.latents
    trials = [t for t in subject.trials if name in given.get(t.where, {})]
    values = [np.asarray(given[t.where][name], float) for t in trials]
    expected = [t.statistics[name] for t in trials]
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
    discrete = subject.complete.discrete
    worst, where, entry = 0.0, trials[0], ""
    given_there = expected_there = np.nan
    for trial, value in zip(trials, values, strict=True):
        expected = np.asarray(trial.statistics[name], float)
        if value.shape != expected.shape:
            return Outcome(
                (Check(f"e_step.{name}", "skip", "its shape is wrong: see the contract"),)
            )
        # Probabilities have a scale of their own; means are held to the largest of them.
        scale = 1.0 if discrete else np.max(np.abs(expected), initial=0.0)
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
    predict = probabilities if discrete else None
    hint = explain(
        values,
        [
            predict(subject, trial, trial.statistics[name])
            if predict
            else means(subject, trial, name, trial.statistics[name])
            for trial in trials
        ],
    ) or (_unnormalised(trials, values, name) if discrete else None)
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


def _unnormalised(trials: list[Trial], values: list[np.ndarray], name: str) -> str | None:
    with np.errstate(all="ignore"):
        right = all(
            np.allclose(v / v.sum(axis=-1, keepdims=True), t.statistics[name], atol=CLOSE)
            for t, v in zip(trials, values, strict=True)
        )
    return "the responsibilities are not normalised: each row should sum to 1" if right else None


def _by_draws(
    subject: Subject, name: str, trials: list[Trial], values: list[np.ndarray]
) -> Outcome:
    from scipy.stats import norm

    compared = sum(value.size for value in values)
    threshold = float(norm.isf(FALSE_ALARM / (2 * compared)))
    worst, message, evidence = 0.0, "", {}
    for trial, value in zip(trials, values, strict=True):
        mean, error = _moments(trial.statistics[name], value.ndim)
        if value.shape != mean.shape:
            return Outcome(
                (Check(f"e_step.{name}", "skip", "its shape is wrong: see the contract"),)
            )
        z = np.abs(value - mean) / np.where(error > 0, error, np.finfo(float).tiny)
        place = int(np.argmax(z))
        if z.flat[place] > worst:
            worst = float(z.flat[place])
            entry = labels(name, value.shape)[place]
            message = (
                f"{entry} is {value.flat[place]:.6g} where draws from p(z | x, θ) have mean "
                f"{mean.flat[place]:.6g} ± {error.flat[place]:.2g} ({trial.where}; z = {worst:.1f})"
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


def _declared(subject: Subject, given: Mapping[str, Mapping[str, Any]]) -> Iterator[Outcome]:
    """Declared expectations of functions of the latents, against means of draws."""
    if not subject.expectations:
        return
    trials = [trial for trial in subject.trials if trial.where in given]
    draws = [subject.draws(trial) for trial in trials]
    for name, function in subject.expectations.items():
        sampled, plugged, values, there = [], [], [], []
        for trial, latents in zip(trials, draws, strict=True):
            if name not in given[trial.where]:
                continue
            count = len(next(iter(latents.values())))
            sampled.append(
                np.array(
                    [
                        function({n: one[i] for n, one in latents.items()}, subject.data)
                        for i in range(count)
                    ],
                    dtype=float,
                )
            )
            averages = {n: one.mean(axis=0) for n, one in latents.items()}
            plugged.append(np.asarray(function(averages, subject.data), float))
            values.append(np.asarray(given[trial.where][name], float))
            there.append(trial)
        if there:
            yield _against_draws(subject, name, there, values, sampled, plugged)


def _against_draws(
    subject: Subject,
    name: str,
    trials: list[Trial],
    values: list[np.ndarray],
    sampled: list[np.ndarray],
    plugged: list[np.ndarray],
) -> Outcome:
    told = [replace(t, statistics={name: s}) for t, s in zip(trials, sampled, strict=True)]
    outcome = _by_draws(subject, name, told, values)
    # Means over draws enter the hypothesis, so that it is held to their precision.
    near = all(
        value.shape == point.shape
        and np.all(np.abs(value - point) <= 0.05 * np.max(np.abs(point), initial=0.0))
        for value, point in zip(values, plugged, strict=True)
    )
    if not outcome.findings or not near:
        return outcome
    hint = (
        "the function of the expectation stands for the expectation of the function: "
        "a second moment, say, without its variance term"
    )
    return Outcome(outcome.checks, tuple(replace(f, hint=hint) for f in outcome.findings))


def _moments(draws: np.ndarray, ndim: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of draws (probabilities of categories where the entry has one axis more)."""
    if ndim == draws.ndim:
        draws = np.eye(int(draws.max()) + 1)[draws]
    return draws.mean(axis=0), draws.std(axis=0, ddof=1) / np.sqrt(len(draws))

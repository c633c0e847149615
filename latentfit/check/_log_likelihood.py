"""A reported log-likelihood: whether it is log p(x | θ).

It is compared with the declaration's log p(x | θ) at every trial θ.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.check import _log_likelihood_mistakes
from latentfit.check._hint_points import HintPoints
from latentfit.check._log_likelihood_values import SAME_LOG_LIKELIHOOD_RELATIVE
from latentfit.check.calls import Failure, guarded
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes import CONFIRMATIONS
from latentfit.check.result import Check, Finding, Outcome


def examine(examination: Examination, timeout: float, hint_points: HintPoints) -> Outcome:
    """Call the derivation's ``log_likelihood`` at every trial point, and compare.

    Parameters
    ----------
    examination : Examination
    timeout : float
        Seconds for one call.
    hint_points : HintPoints
    """
    if examination.log_likelihood is None:
        return _skipped("the file defines no log_likelihood")
    evaluate = guarded(examination.log_likelihood, "log_likelihood", timeout=timeout)
    values: dict[str, float] = {}
    for trial in examination.trial_points:
        result = evaluate(trial.params, examination.data)
        if isinstance(result, Failure):
            return _contract_broken(result.message)
        try:
            values[trial.label] = float(result)
        except (TypeError, ValueError):
            return _contract_broken(
                f"log_likelihood returned a value of type {type(result).__name__}; one number is "
                f"expected"
            )
    if not examination.density.tractable:
        return _skipped("log p(x | θ) is not known: the latents cannot be integrated out")
    return _compared(examination, values, lambda: _further(examination, evaluate, hint_points))


def _further(
    examination: Examination, evaluate: Callable[..., Any], hint_points: HintPoints
) -> list[tuple[TrialPoint, float]]:
    """Return the values of the log-likelihood at further, generic θ."""
    found = []
    for trial in hint_points.trials[:CONFIRMATIONS]:
        result = evaluate(trial.params, examination.data)
        if isinstance(result, int | float | np.number | np.ndarray) and np.size(result) == 1:
            found.append((trial, float(np.reshape(result, ())[()])))
    return found


def _compared(
    examination: Examination,
    given: Mapping[str, float],
    further: Callable[[], Sequence[tuple[TrialPoint, float]]],
) -> Outcome:
    """Compare values of the log-likelihood, ``{TrialPoint.label: value}``."""
    trials = [trial for trial in examination.trial_points if trial.label in given]
    values = np.array([given[trial.label] for trial in trials])
    exact = np.array([examination.density.log_likelihood(trial.point)[0] for trial in trials])
    error = np.abs(values - exact) / (1 + np.abs(exact))
    if np.all(error <= SAME_LOG_LIKELIHOOD_RELATIVE):
        detail = (
            f"log_likelihood is log p(x | θ) at {len(values)} values of θ; largest relative error "
            f"{error.max():.1g}"
        )
        return Outcome((Check("log_likelihood", "pass", detail),))
    worst = int(np.argmax(np.where(np.isfinite(error), error, np.inf)))
    label = trials[worst].label
    message = (
        f"log_likelihood is {values[worst]:.8g}; log p(x | θ) is {exact[worst]:.8g} (difference "
        f"{values[worst] - exact[worst]:+.2g}; θ is {label}; exact)"
    )
    more = further()
    trials += [trial for trial, _ in more]
    every = np.append(values, [value for _, value in more])
    finding = Finding(
        "log_likelihood",
        "log_likelihood",
        "error",
        message,
        _log_likelihood_mistakes.explain(examination, trials, every),
        {"given": float(values[worst]), "expected": float(exact[worst]), "where": label},
    )
    return Outcome((Check("log_likelihood", "fail", message),), (finding,))


def _skipped(reason: str) -> Outcome:
    return Outcome((Check("log_likelihood", "skip", reason),))


def _contract_broken(message: str) -> Outcome:
    return Outcome(
        (Check("log_likelihood", "fail", message),),
        (Finding("contract", "log_likelihood", "error", message),),
    )

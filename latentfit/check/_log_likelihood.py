"""A reported log-likelihood: whether it is log p(x | θ).

It is compared with the declaration's log p(x | θ) at every trial θ.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.check import _log_likelihood_mistakes
from latentfit.check._hint_points import HintPoints
from latentfit.check._log_likelihood_error import log_likelihood_error
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
            if not trial.visited and not result.timeout:
                # EM need not come there, and a right formula may overflow.
                continue
            return _contract_broken(result.message)
        if np.iscomplexobj(result):
            return _contract_broken("log_likelihood returned a complex number")
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
        if not np.isfinite(examination.density.log_likelihood(trial.point)[0]):
            continue
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
    pairs = [
        (trial, given[trial.label], examination.density.log_likelihood(trial.point)[0])
        for trial in examination.trial_points
        if trial.label in given
    ]
    # Where the declaration's own value is not a finite number, it contradicts nothing.
    pairs = [
        (trial, value, exact)
        for trial, value, exact in pairs
        if np.isfinite(exact) and (trial.visited or np.isfinite(value))
    ]
    if not pairs:
        return _skipped("not tested: log p(x | θ) is not a finite number at any trial point")
    trials = [trial for trial, _, _ in pairs]
    values, exact = (np.array(column) for column in zip(*(p[1:] for p in pairs), strict=True))
    error = np.abs(values - exact) / (1 + np.abs(exact))
    if np.all(error <= SAME_LOG_LIKELIHOOD_RELATIVE):
        detail = (
            f"log_likelihood is log p(x | θ) at {len(values)} values of θ; largest relative error "
            f"{error.max():.1g}"
        )
        return Outcome((Check("log_likelihood", "pass", detail),))
    worst = int(np.argmax(np.where(np.isfinite(error), error, np.inf)))
    label = trials[worst].label
    precision = log_likelihood_error(examination, trials[worst].point)
    if not abs(values[worst] - exact[worst]) > precision:
        detail = (
            f"not decided: log_likelihood is {values[worst]:.8g}; log p(x | θ) is "
            f"{exact[worst]:.8g}, computed numerically with an error of about {precision:.1g} (θ "
            f"is {label})"
        )
        return Outcome((Check("log_likelihood", "warn", detail),))
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

"""The E step alone: whether its entries are the conditional expectations of the latents.

At every trial θ the entry named as a latent z is compared with p(z | x, θ) of the declaration:
with the probabilities of the categories of a discrete latent, with the mean of a continuous one.
An entry that the derivation declares in `expectations` is compared with the conditional expectation
of the declared function. The comparison is exact if the declaration's expectation is; otherwise it
is a statistical test against draws of the latents.
"""

import numpy as np

from latentfit.check import _exact_expectations, _sampled_expectations
from latentfit.check._false_alarms import probability_per_comparison
from latentfit.check._hint_points import HintPoints
from latentfit.check.examination import ByTrial, Examination
from latentfit.check.result import Check, Outcome


def examine(examination: Examination, given: ByTrial, hint_points: HintPoints) -> Outcome:
    """Compare the E step with the declaration.

    Parameters
    ----------
    examination : Examination
    given : mapping
        ``{TrialPoint.label: what the E step returned there}``, for the trial points at which its
        result can be used.
    hint_points : HintPoints
    """
    names = (*examination.complete.latents, *examination.expectations)
    outcomes = [_entry(examination, name, given, hint_points) for name in names]
    return Outcome(
        tuple(check for outcome in outcomes for check in outcome.checks),
        tuple(finding for outcome in outcomes for finding in outcome.findings),
    )


def _entry(examination: Examination, name: str, given: ByTrial, hint_points: HintPoints) -> Outcome:
    trials = [trial for trial in examination.trial_points if name in given.get(trial.label, {})]
    if not trials:
        if examination.expectations and name not in examination.expectations:
            return Outcome()
        return Outcome((Check(f"e_step.{name}", "skip", "the E step returns no such entry"),))
    values = [np.asarray(given[trial.label][name], float) for trial in trials]
    if all(name in trial.expected for trial in trials):
        return _exact_expectations.compare(examination, name, trials, values, hint_points)
    false_alarm = probability_per_comparison(examination)
    if name in examination.expectations:
        return _sampled_expectations.compare_declared(
            examination, name, trials, values, false_alarm
        )
    categories = examination.complete.categories.get(name)
    return _sampled_expectations.compare(name, trials, values, false_alarm, categories)

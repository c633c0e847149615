"""The expectations that the M step is examined with: those that the E step should return."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from latentfit.check.examination import ByTrial, Examination, TrialPoint


def right_expectations(
    examination: Examination,
    trial: TrialPoint,
    given: ByTrial,
    order: Sequence[int] | None,
) -> dict[str, Any]:
    """Return the expectations that the E step should have returned, for the M step.

    Parameters
    ----------
    examination : Examination
    trial : TrialPoint
    given : mapping
        ``{TrialPoint.label: what the E step returned there}``. Entries of which the declaration
        knows nothing are kept.
    order : sequence of int, optional
        The order in which the derivation numbers the categories of a discrete latent.
    """
    if examination.complete.exact:
        expected = dict(trial.expected)
        if order is not None:
            expected = {name: value[..., list(order)] for name, value in expected.items()}
    else:
        # All entries come from the draws that Q is a mean of, so that both have the same error.
        expected = _means_of_draws(examination, trial)
    own = dict(given.get(trial.label, {}))
    return own | {name: value for name, value in expected.items() if name in own or not own}


def _means_of_draws(examination: Examination, trial: TrialPoint) -> dict[str, np.ndarray]:
    """Return means over draws of the latents, and of the declared functions of them."""
    draws = trial.statistics
    categories = examination.complete.categories
    means = {name: _mean(value, categories.get(name)) for name, value in draws.items()}
    count = len(next(iter(draws.values())))
    for name, function in examination.expectations.items():
        values = [
            function({latent: one[i] for latent, one in draws.items()}, examination.data)
            for i in range(count)
        ]
        means[name] = np.mean(np.array(values, dtype=float), axis=0)
    return means


def _mean(draws: np.ndarray, categories: np.ndarray | None) -> np.ndarray:
    """Return the mean of draws; of a categorical latent, the relative frequencies of its values."""
    values = draws if categories is None else draws[..., None] == categories
    result: np.ndarray = values.mean(axis=0)
    return result

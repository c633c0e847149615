"""The function of the expectation in place of the expectation of the function, found from draws."""

from types import SimpleNamespace

import numpy as np
import pytest

from latentfit.check import _sampled_expectations
from latentfit.check.examination import TrialPoint
from latentfit.check.mistakes import FUNCTION_OF_EXPECTATION

DRAWS = 100_000
FALSE_ALARM = 1e-6
# Mean of the latent at three θ; its standard deviation is a fifth of it.
MEANS = (2.0, 3.0, 5.0)


def hint_of(mistake, means=MEANS):
    """Return the hint for E[z²], given what the E step returns for (mean, standard deviation)."""
    rng = np.random.default_rng(0)
    trials = [
        TrialPoint(f"start {i}", {}, np.array([float(mean)]), {}, {})
        for i, mean in enumerate(means)
    ]
    draws = {
        trial.label: {"z": rng.normal(mean, mean / 5, (DRAWS, 1))}
        for trial, mean in zip(trials, means, strict=True)
    }
    examination = SimpleNamespace(
        expectations={"zz": lambda latents, data: latents["z"] ** 2},
        data={},
        complete=SimpleNamespace(categories={}),
        draws=lambda trial: draws[trial.label],
    )
    values = [np.array([mistake(mean, mean / 5)]) for mean in means]
    outcome = _sampled_expectations.compare_declared(examination, "zz", trials, values, FALSE_ALARM)
    (finding,) = outcome.findings
    return finding.hint


def test_a_squared_mean_is_named():
    assert hint_of(lambda mean, sd: mean**2) == FUNCTION_OF_EXPECTATION


@pytest.mark.parametrize(
    "mistake",
    [
        lambda mean, sd: mean**2 + sd**2 / 2,
        lambda mean, sd: mean**2 - sd**2,
        lambda mean, sd: mean**2 + 1.2 * sd**2,
    ],
)
def test_another_variance_term_is_not_taken_for_none(mistake):
    """All of these are within five per cent of the squared mean."""
    assert hint_of(mistake) is None


def test_two_trial_points_do_not_confirm_it():
    assert hint_of(lambda mean, sd: mean**2, MEANS[:2]) is None

"""Latents with bounded supports, against integrals by SciPy and closed forms."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from marginalised_latents import observed_logp
from scipy import integrate, stats

from latentfit.bayes.marginalize import marginalise_latents
from latentfit.declaration.compilation import double_precision

COUNTS = np.array([[1, 3], [0, 2], [6, 4]])
MEASURED = np.array([[0.4, 1.2], [-0.3, 0.5], [2.0, 1.1]])


def observed(declare, latents=("z",)):
    """log p(x | θ) of a declaration as a function of natural parameters on the real line."""
    with double_precision(), pm.Model() as model:
        declare()
    return observed_logp(marginalise_latents(model, list(latents)))


def log_integral(function, low, high, centre):
    """Logarithm of the integral of exp(function), cut at a point near its maximum."""
    largest = function(centre)
    parts = [
        integrate.quad(
            lambda z: np.exp(function(z) - largest), *ends, epsabs=0, epsrel=1e-12, limit=500
        )
        for ends in ((low, centre), (centre, high))
    ]
    return largest + np.log(sum(value for value, _ in parts))


def log_normal_rates():
    mu = pm.Normal("mu", 0, 2)
    z = pm.LogNormal("z", mu, 0.7, shape=3)
    pm.Poisson("y", z[:, None], observed=COUNTS)


@pytest.mark.slow
def test_log_normal_rates():
    mu = 0.4
    prior = stats.lognorm(0.7, scale=np.exp(mu))
    expected = sum(
        log_integral(
            lambda z, row=row: prior.logpdf(z) + stats.poisson(z).logpmf(row).sum(),
            0,
            np.inf,
            row.mean() + 0.5,
        )
        for row in COUNTS
    )
    assert observed(log_normal_rates)({"mu": mu}) == pytest.approx(expected, abs=1e-9)


def effects_that_sum_to_zero():
    mu = pm.Normal("mu", 0, 5)
    z = pm.ZeroSumNormal("z", 1.5, shape=3)
    pm.Normal("y", mu + z[:, None], 0.9, observed=MEASURED)


def test_effects_that_sum_to_zero():
    mu, rows = 0.3, np.repeat(np.arange(3), 2)
    effects = 1.5**2 * (np.eye(3) - 1 / 3)
    covariance = effects[np.ix_(rows, rows)] + 0.9**2 * np.eye(6)
    expected = stats.multivariate_normal(np.full(6, mu), covariance).logpdf(MEASURED.ravel())
    found = observed(effects_that_sum_to_zero)({"mu": mu})
    assert found == pytest.approx(expected, rel=1e-12)


def success_probabilities():
    log_a = pm.Normal("log_a", 0, 1)
    z = pm.Beta("z", pt.exp(log_a), 2.0, shape=3)
    pm.Normal("y", z[:, None], 0.9, observed=MEASURED)


@pytest.mark.slow
def test_beta_latents_without_a_closed_form():
    log_a = 0.3
    prior = stats.beta(np.exp(log_a), 2.0)
    expected = sum(
        log_integral(
            lambda z, row=row: prior.logpdf(z) + stats.norm(z, 0.9).logpdf(row).sum(), 0, 1, 0.5
        )
        for row in MEASURED
    )
    found = observed(success_probabilities)({"log_a": log_a})
    assert found == pytest.approx(expected, abs=1e-9)


def laplace_effects():
    mu = pm.Normal("mu", 0, 5)
    z = pm.Laplace("z", 0.2, 0.8, shape=3)
    pm.Normal("y", mu + z[:, None], 0.9, observed=MEASURED)


def laplace_rates():
    mu = pm.Normal("mu", 0, 5)
    z = pm.Laplace("z", 0.2, 0.8, shape=3)
    pm.Poisson("y", pt.exp(mu + z[:, None]), observed=COUNTS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("declare", "density", "data"),
    [
        (laplace_effects, lambda eta, row: stats.norm(eta, 0.9).logpdf(row), MEASURED),
        (laplace_rates, lambda eta, row: stats.poisson(np.exp(eta)).logpmf(row), COUNTS),
    ],
    ids=["normal", "Poisson"],
)
def test_laplace_latents(declare, density, data):
    prior = stats.laplace(0.2, 0.8)
    log_likelihood = observed(declare)
    for mu in (0.3, -2.0):
        expected = sum(
            log_integral(
                lambda z, row=row, mu=mu: prior.logpdf(z) + density(mu + z, row).sum(),
                -20,
                9,
                0.2,
            )
            for row in data
        )
        assert log_likelihood({"mu": mu}) == pytest.approx(expected, abs=1e-8)

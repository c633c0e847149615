"""Draws of counts, of bounded latents, and of several latents of one unit, against integrals."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats

from latentfit import LatentModel
from latentfit.bayes.complete_data import complete_data_by_draws

pytestmark = pytest.mark.slow

SEEN = np.array([[3, 5], [0, 1], [7, 4]])
COUNTS = np.array([1, 0, 6])
GRID = np.linspace(-12, 12, 240_001)
# Largest difference of a mean over draws from its expectation, in standard errors.
MAX_STANDARD_ERRORS = 5.0


def draws_of(declare, latents, params):
    """Draws of the latents given the data and θ, ``{latent: (sample, *shape)}``."""

    def model(unused):
        with pm.Model() as model:
            declare()
        return model

    declared = LatentModel(
        model=model, latents=latents, e_step=lambda p, d: {}, m_step=lambda e, d: {}
    )
    reference = declared.reference({"unused": np.zeros(1)})
    complete = complete_data_by_draws(reference.declaration, reference.density)
    point = reference.density.space.locate(params)
    return complete.statistics(point, np.random.default_rng(7))


def assert_mean(draws, expected):
    # A value with a probability of less than 1 / n may not occur among n draws.
    least = np.max(np.abs(draws)) / len(draws)
    error = np.maximum(draws.std(axis=0, ddof=1) / np.sqrt(len(draws)), least)
    assert np.all(np.abs(draws.mean(axis=0) - expected) <= MAX_STANDARD_ERRORS * error)


def weighted_mean(log_weights, values=GRID):
    weights = np.exp(log_weights - np.max(log_weights))
    return np.sum(weights * values) / np.sum(weights)


def abundances():
    rate = pm.Gamma("rate", 2, 0.1)
    p = pm.Beta("p", 2, 2)
    n = pm.Poisson("n", rate, shape=3)
    pm.Binomial("y", n[:, None], p, observed=SEEN)


def test_unbounded_counts():
    n = np.arange(500)
    expected = [
        weighted_mean(
            stats.poisson(9.0).logpmf(n) + stats.binom(n, 0.4).logpmf(row[:, None]).sum(axis=0), n
        )
        for row in SEEN
    ]
    assert_mean(draws_of(abundances, ("n",), {"rate": 9.0, "p": 0.4})["n"], expected)


def log_normal_rates():
    mu = pm.Normal("mu", 0, 2)
    z = pm.LogNormal("z", mu, 0.7, shape=3)
    pm.Poisson("y", z, observed=COUNTS)


def test_log_normal_rates():
    expected = [
        weighted_mean(
            stats.norm(0.4, 0.7).logpdf(GRID) + stats.poisson(np.exp(GRID)).logpmf(y), np.exp(GRID)
        )
        for y in COUNTS
    ]
    assert_mean(draws_of(log_normal_rates, ("z",), {"mu": 0.4})["z"], expected)


def laplace_rates():
    mu = pm.Normal("mu", 0, 5)
    z = pm.Laplace("z", 0.2, 0.8, shape=3)
    pm.Poisson("y", pt.exp(mu + z), observed=COUNTS)


def test_laplace_latents():
    expected = [
        weighted_mean(
            stats.laplace(0.2, 0.8).logpdf(GRID) + stats.poisson(np.exp(0.3 + GRID)).logpmf(y)
        )
        for y in COUNTS
    ]
    assert_mean(draws_of(laplace_rates, ("z",), {"mu": 0.3})["z"], expected)


def mixed_groups():
    mu = pm.Normal("mu", 0, 5, shape=2)
    z = pm.Categorical("z", [0.3, 0.7], shape=3)
    b = pm.Normal("b", mu[z], 0.8, shape=3)
    pm.Normal("y", b, 0.6, observed=COUNTS)


def test_category_of_a_random_effect():
    mu, w = np.array([-0.5, 1.0]), np.array([0.3, 0.7])
    draws = draws_of(mixed_groups, ("z", "b"), {"mu": mu})
    log_likelihood = stats.norm(GRID, 0.6).logpdf(COUNTS[:, None])
    joint = w[:, None, None] * np.exp(
        stats.norm(mu[:, None], 0.8).logpdf(GRID)[:, None] + log_likelihood
    )
    total = joint.sum(axis=(0, 2))
    assert_mean(draws["z"], joint[1].sum(axis=-1) / total)
    assert_mean(draws["b"], (joint * GRID).sum(axis=(0, 2)) / total)


def folded_effects():
    s = pm.HalfNormal("s", 2.0)
    b = pm.Normal("b", 0, s, shape=3)
    z = pm.Bernoulli("z", 0.4, shape=3)
    pm.Normal("y", pt.abs(b) + 2.0 * z, 1.0, observed=[0.3, 2.5, 1.0])


def test_category_that_is_summed_out_while_nuts_draws():
    """The absolute value has a kink, so that no strategy marginalises b."""
    draws = draws_of(folded_effects, ("b", "z"), {"s": 1.5})
    shift, w = np.array([0.0, 2.0])[:, None, None], np.array([0.6, 0.4])[:, None, None]
    y = np.array([0.3, 2.5, 1.0])[:, None]
    joint = w * stats.norm(0, 1.5).pdf(GRID) * stats.norm(np.abs(GRID) + shift, 1.0).pdf(y)
    total = joint.sum(axis=(0, 2))
    assert_mean(draws["z"], joint[1].sum(axis=-1) / total)
    assert_mean(np.abs(draws["b"]), (joint * np.abs(GRID)).sum(axis=(0, 2)) / total)

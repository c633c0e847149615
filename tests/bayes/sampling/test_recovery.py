"""Latents drawn from p(z | x, θ), against their exact distribution."""

import numpy as np
import pymc as pm
import pytest
from bayes_examples import THETA, as_draws, density_of, mixture_log_likelihood
from pymc_extras.distributions import DiscreteMarkovChain
from scipy import stats

from latentfit.bayes.sampling import prepare_recovery, recover_latents


def mixture_probabilities(x, params):
    """p(z_i = k | x_i, θ), shape (n, K)."""
    total, joint = mixture_log_likelihood(x, params)
    return np.exp(joint - total[:, None])


def test_categories_have_their_conditional_probabilities(two_components):
    x, declaration, density = two_components
    base = density.space.unconstrain(THETA)
    draws = as_draws(density, np.tile(base, (4000, 1)))
    found = recover_latents(declaration, density.view, draws, seed=1)["z"]
    exact = mixture_probabilities(x, THETA)
    np.testing.assert_allclose(found.mean, exact, rtol=1e-10, atol=1e-14)
    share = np.mean(found.draws == 1, axis=0)
    error = np.sqrt(exact[:, 1] * exact[:, 0] / 4000)
    assert np.all(np.abs(share - exact[:, 1]) < 5 * error + 1e-12)


def test_missing_value_has_its_predictive_distribution(one_missing_time):
    declaration, density = one_missing_time
    draws = as_draws(density, np.full((20000, 1), np.log(0.2)))
    found = recover_latents(declaration, density.view, draws, seed=1)["y_unobserved"]
    assert found.draws.shape == (20000, 1)
    assert found.mean[0] == pytest.approx(5, abs=5 * 5 / np.sqrt(20000))
    assert stats.kstest(found.draws[:, 0], stats.expon(scale=5).cdf).pvalue > 1e-4


def test_markov_chain_of_a_single_time():
    def single_time(y):
        with pm.Model() as model:
            p = pm.Dirichlet("p", np.ones((2, 2)))
            first = pm.Categorical.dist([0.5, 0.5])
            z = DiscreteMarkovChain("z", P=p, init_dist=first, shape=(len(y),))
            pm.Normal("y", 3.0 * z, 1.0, observed=y)
        return model

    declaration, density = density_of(single_time, ("z",), {"y": np.array([0.5])})
    at = as_draws(density, [np.zeros(density.space.size)])
    found = prepare_recovery(declaration, density.view)(at, 1, 4000)["z"].draws
    log_densities = stats.norm.logpdf(0.5, [0.0, 3.0])
    share = np.exp(log_densities[1] - np.logaddexp.reduce(log_densities))
    assert np.mean(found) == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 4000))


def test_draws_for_one_theta_follow_one_another(two_components):
    x, declaration, density = two_components
    swapped = {**THETA, "mu": THETA["mu"][::-1], "sigma": THETA["sigma"][::-1]}
    points = [density.space.unconstrain(theta) for theta in (THETA, swapped)]
    recover = prepare_recovery(declaration, density.view)
    found = recover(as_draws(density, points), 3, 2000)["z"].draws
    assert found.shape == (4000, len(x))
    for theta, own in zip((THETA, swapped), (found[:2000], found[2000:]), strict=True):
        exact = mixture_probabilities(x, theta)
        error = np.sqrt(exact[:, 1] * exact[:, 0] / 2000)
        assert np.all(np.abs(np.mean(own == 1, axis=0) - exact[:, 1]) < 5 * error + 1e-12)
    again = recover(as_draws(density, points), 3, 2000)["z"].draws
    np.testing.assert_array_equal(found, again)


def test_same_seed_gives_the_same_draws(one_missing_time):
    declaration, density = one_missing_time
    recover = prepare_recovery(declaration, density.view)
    at = as_draws(density, np.log([[0.2], [20.0]]))
    one, again, other = (recover(at, seed, 5000)["y_unobserved"].draws for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    for own, mean in ((one[:5000], 5.0), (one[5000:], 0.05)):
        assert np.mean(own) == pytest.approx(mean, abs=5 * mean / np.sqrt(5000))

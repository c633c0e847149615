"""Brute force for random models equals closed forms, and the programs that use it tell errors."""

import numpy as np
import pytest
from random_declarations import Specification, draw_specification, log_likelihood
from random_declarations._specification import UNITS, Latent, Parameter
from scipy import stats

Y = np.random.default_rng(1).normal(0.5, 1.2, UNITS)


def model(*latents, response="normal", **parameters):
    named = tuple(
        Parameter(name, "real", np.shape(value), "") for name, value in parameters.items()
    )
    arrays = {name: np.asarray(value, float) for name, value in parameters.items()}
    return Specification(latents, response, named), arrays


def test_normal_latent_by_unit():
    found = log_likelihood(*model(Latent("z", "normal"), s_z=0.7, mu=0.2, sd=1.1), Y)
    expected = stats.norm(0.2, np.hypot(0.7, 1.1)).logpdf(Y).sum()
    assert found == pytest.approx(expected, rel=1e-12)


def test_normal_latent_by_group():
    found = log_likelihood(*model(Latent("z", "normal", "group"), s_z=0.7, mu=0.2, sd=1.1), Y)
    size = UNITS // 2
    covariance = 1.1**2 * np.eye(size) + 0.7**2
    normal = stats.multivariate_normal(np.full(size, 0.2), covariance)
    expected = normal.logpdf(Y[::2]) + normal.logpdf(Y[1::2])
    assert found == pytest.approx(expected, rel=1e-12)


def test_normal_latent_given_a_categorical_one():
    latents = (Latent("z", "categorical"), Latent("b", "normal", parent="z"))
    params = {"w_z": [0.3, 0.7], "mu_z": [-0.2, 0.4], "s_b": 0.5, "m_b": [1.0, -1.0], "sd": 0.8}
    found = log_likelihood(*model(*latents, **params), Y)
    components = stats.norm([0.8, -0.6], np.hypot(0.5, 0.8)).pdf(Y[:, None])
    assert found == pytest.approx(np.log(components @ [0.3, 0.7]).sum(), rel=1e-12)


def test_precision_gives_a_t_distribution():
    found = log_likelihood(*model(Latent("u", "precision"), mu=0.2, sd=1.1), Y)
    assert found == pytest.approx(stats.t(5, 0.2, 1.1).logpdf(Y).sum(), rel=1e-10)


def test_rate_gives_a_negative_binomial():
    y = np.array([0, 1, 3, 2, 0, 5.0])
    found = log_likelihood(*model(Latent("u", "rate"), response="poisson", mu=0.3, rate=1.7), y)
    expected = stats.nbinom(2, 1.7 / (1.7 + np.exp(0.3))).logpmf(y).sum()
    assert found == pytest.approx(expected, rel=1e-10)


def test_number_of_trials_gives_a_thinned_poisson():
    y = np.array([0, 1, 3, 2, 0, 5.0])
    found = log_likelihood(*model(Latent("u", "trials"), response="binomial", rate=1.3, p=0.4), y)
    assert found == pytest.approx(stats.poisson(3 * 1.3 * 0.4).logpmf(y).sum(), rel=1e-10)


def test_probability_gives_a_beta_binomial():
    y = np.array([0, 1, 3, 2, 7, 5.0])
    found = log_likelihood(*model(Latent("u", "probability"), response="binomial", a=1.3), y)
    assert found == pytest.approx(stats.betabinom(7, 2.3, 2).logpmf(y).sum(), rel=1e-10)


def test_chain_with_equal_rows_has_independent_units_but_the_first():
    transition, mu = np.array([[0.3, 0.7], [0.3, 0.7]]), np.array([-1.0, 1.0])
    found = log_likelihood(
        *model(Latent("z", "chain", "chain"), w_z=transition, mu_z=mu, sd=0.9), Y
    )
    components = stats.norm(mu, 0.9).pdf(Y[:, None])
    expected = np.log(components[0] @ [0.4, 0.6]) + np.log(components[1:] @ [0.3, 0.7]).sum()
    assert found == pytest.approx(expected, rel=1e-12)


def test_models_are_diverse_and_settled_by_their_number():
    every = [draw_specification(np.random.default_rng(number)) for number in range(500)]
    again = draw_specification(np.random.default_rng(7))
    assert again == every[7]
    assert len(set(map(str, every))) > 450
    kinds = {one.kind for each in every for one in each.latents}
    assert len(kinds) == 11
    assert {one.plate for each in every for one in each.latents} == {"unit", "group", "chain"}
    assert any(one.parent for each in every for one in each.latents)

"""Deterministics between latents and data do not change how the latents are marginalised."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats

import latentfit
from latentfit.bayes import Density, complete_data_view, observed_view
from latentfit.declaration import declare, parameter_space

Y = np.array([3.0, 1.0, 4.0, 0.0, 2.0, 8.0])
COUNTS = np.array([3, 0, 5])
X = np.linspace(0, 1, 6)[:, None]


def log_likelihood_at(model, latents, params):
    """log p(x | θ) of a model, and the log-likelihood's gradient in θ."""
    declaration = declare(model, latents, {}, {})
    density = Density(observed_view(declaration), parameter_space(declaration))
    return density.log_likelihood(density.space.unconstrain(params))


def non_centred():
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 5), pm.HalfNormal("tau", 5)
        eta = pm.Normal("eta", 0, 1, shape=len(Y))
        theta = pm.Deterministic("theta", mu + tau * eta)
        pm.Deterministic("largest", theta.max())
        pm.Normal("y", theta, 1.0, observed=Y)
    return model


def test_non_centred_groups():
    found, gradient = log_likelihood_at(non_centred(), ("eta",), {"mu": 1.5, "tau": 2.0})
    assert found == pytest.approx(stats.norm(1.5, np.sqrt(5)).logpdf(Y).sum(), rel=1e-13)
    assert gradient[0] == pytest.approx(np.sum(Y - 1.5) / 5, rel=1e-12)


def test_deterministic_of_a_categorical_latent():
    model = two_components(Y)
    params = {"w": 0.3, "mu": np.array([0.5, 4.0])}
    found, _ = log_likelihood_at(model, ("z",), params)
    densities = stats.norm(params["mu"]).pdf(Y[:, None]) @ [0.7, 0.3]
    assert found == pytest.approx(np.log(densities).sum(), rel=1e-13)


def test_deterministic_between_two_latents():
    """A mean of groups, groups that are a Deterministic of it, and data."""
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        mu = pm.Normal("mu", 0, 1)
        shift = pm.Deterministic("shift", 2 * mu + 1)
        b = pm.Normal("b", shift, 1, shape=len(Y))
        pm.Normal("y", pm.Deterministic("mean", 0.5 * b), s, observed=Y)
    found, _ = log_likelihood_at(model, ("mu", "b"), {"s": 0.8})
    covariance = 0.25 * (4 * np.ones((6, 6)) + np.eye(6)) + 0.64 * np.eye(6)
    expected = stats.multivariate_normal(np.full(6, 0.5), covariance).logpdf(Y)
    assert found == pytest.approx(expected, rel=1e-12)


def test_reparameterised_gaussian_process():
    with pm.Model() as model:
        length, s = pm.InverseGamma("length", 3, 2), pm.HalfNormal("s", 1)
        process = pm.gp.Latent(cov_func=pm.gp.cov.ExpQuad(1, ls=length))
        pm.Normal("y", process.prior("f", X=X, reparameterize=True), s, observed=Y)
    params = {"length": 0.4, "s": 0.7}
    found, _ = log_likelihood_at(model, ("f_rotated_",), params)
    covariance = np.exp(-0.5 * ((X - X.T) / 0.4) ** 2) + (1e-6 + 0.49) * np.eye(6)
    expected = stats.multivariate_normal(np.zeros(6), covariance).logpdf(Y)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_poisson_response_of_a_non_centred_latent():
    model = non_centred_counts(COUNTS)
    found, _ = log_likelihood_at(model, ("eta",), {"mu": 0.4, "tau": 0.9})
    eta = np.linspace(-12, 12, 4001)
    rates = np.exp(0.4 + 0.9 * eta)
    integrals = stats.poisson(rates).pmf(COUNTS[:, None]) @ stats.norm.pdf(eta)
    assert found == pytest.approx(np.log(integrals * (eta[1] - eta[0])).sum(), rel=1e-11)


def two_components(y):
    with pm.Model() as model:
        w, mu = pm.Beta("w", 1, 1), pm.Normal("mu", 0, 5, shape=2)
        z = pm.Bernoulli("z", w, shape=len(y))
        pm.Normal("y", pm.Deterministic("centre", mu[z]), 1.0, observed=y)
    return model


def probabilities(params, data):
    densities = stats.norm(params["mu"]).pdf(data["y"][:, None])
    joint = densities * [1 - params["w"], params["w"]]
    return {"z": joint / joint.sum(axis=1, keepdims=True)}


def weighted_means(expectations, data):
    z = expectations["z"]
    return {"w": z[:, 1].mean(), "mu": z.T @ data["y"] / z.sum(axis=0)}


def start(data, rng):
    return {"w": rng.uniform(0.3, 0.7), "mu": np.array([0.0, 5.0]) + rng.normal(0, 0.3, 2)}


def non_centred_counts(y):
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 5), pm.HalfNormal("tau", 5)
        eta = pm.Normal("eta", 0, 1, shape=len(y))
        pm.Poisson("y", pm.Deterministic("rate", pm.math.exp(mu + tau * eta)), observed=y)
    return model


@pytest.mark.slow
def test_right_steps_for_a_bernoulli_latent_pass_the_check():
    model = latentfit.LatentModel(
        model=two_components,
        latents=("z",),
        e_step=probabilities,
        m_step=weighted_means,
        initial=start,
    )
    result = model.check({"y": np.concatenate([Y, Y + 1.3])}, seed=1)
    assert result.passed, result.findings


@pytest.mark.slow
def test_expectations_of_a_non_centred_latent_of_counts():
    """At θ = θ' the gradient of Q is that of log p(x | θ)."""
    declaration = declare(non_centred_counts, ("eta",), {"y": COUNTS}, {})
    density = Density(observed_view(declaration), parameter_space(declaration))
    complete = complete_data_view(declaration, density)
    point = density.space.unconstrain({"mu": 0.4, "tau": 0.9})
    statistics = complete.statistics(point, np.random.default_rng(0))
    _, gradient = complete.q(statistics, point)
    np.testing.assert_allclose(gradient, density.log_likelihood(point)[1], atol=1e-9)

"""Shapes, dims, coords and data containers."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from scipy.special import logsumexp

from constructs import Works

X = np.array([-1.3, 0.2, 2.9, 3.4])
TABLE = np.array([[-1.3, 0.2, 2.9], [3.4, 1.8, 2.2]])
POINT = {"w": np.array([0.3, 0.7]), "mu": np.array([-1.0, 2.5])}


def _classes(x, w, mu):
    return logsumexp(stats.norm.logpdf(x[..., None], mu, 1.0) + np.log(w), axis=-1).sum()


def dims_and_coords():
    """Latents and data with `dims`, classes with names."""

    def model():
        with pm.Model(coords={"unit": list("abcd"), "class": ["low", "high"]}) as built:
            w = pm.Dirichlet("w", np.ones(2), dims="class")
            mu = pm.Normal("mu", 0, 5, dims="class")
            z = pm.Categorical("z", w, dims="unit")
            pm.Normal("x", mu[z], 1.0, observed=X, dims="unit")
        return built

    return Works(model, ("z",), lambda w, mu: _classes(X, w, mu), (POINT,))


def data_container():
    """`pm.Data` as covariate and as observed values."""

    covariate = np.array([0.5, -0.2, 0.1, 0.9])

    def model():
        with pm.Model(coords={"unit": range(4)}) as built:
            values = pm.Data("values", X, dims="unit")
            t = pm.Data("t", covariate, dims="unit")
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Categorical("z", w, dims="unit")
            pm.Normal("x", mu[z] + t, 1.0, observed=values, dims="unit")
        return built

    return Works(model, ("z",), lambda w, mu: _classes(X - covariate, w, mu), (POINT,))


def latents_by_data_container():
    """Groups whose number is the length of a `pm.Data` container."""

    group = np.array([0, 0, 1, 1])

    def model():
        with pm.Model() as built:
            sizes = pm.Data("sizes", np.array([2, 2]))
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", mu, tau, shape=sizes.shape)
            pm.Normal("x", b[group], 1.0, observed=X)
        return built

    def log_likelihood(mu, tau):
        covariance = tau**2 * (group[:, None] == group) + np.eye(4)
        return stats.multivariate_normal.logpdf(X, np.full(4, mu), covariance)

    return Works(model, ("b",), log_likelihood, ({"mu": 1.0, "tau": 1.4},))


def matrix_of_classes():
    """A matrix of classes, one for each entry of a table."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Categorical("z", w, shape=(2, 3))
            pm.Normal("x", mu[z], 1.0, observed=TABLE)
        return built

    return Works(model, ("z",), lambda w, mu: _classes(TABLE, w, mu), (POINT,))


def column_of_classes():
    """A class for each row, a latent of shape (n, 1)."""

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Bernoulli("z", w, shape=(2, 1))
            pm.Normal("x", mu[0] + z * mu[1], 1.0, observed=TABLE)
        return built

    def log_likelihood(w, mu):
        each = stats.norm.logpdf(TABLE[:, :, None], [mu[0], mu.sum()], 1.0).sum(axis=1)
        return logsumexp(each + np.log([1 - w, w]), axis=1).sum()

    return Works(model, ("z",), log_likelihood, ({"w": 0.4, "mu": np.array([-1.0, 2.5])},))


def class_of_all_data():
    """One scalar class on which all data depend."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Categorical("z", w)
            pm.Normal("x", mu[z], 1.0, observed=X)
        return built

    def log_likelihood(w, mu):
        return logsumexp(stats.norm.logpdf(X[:, None], mu, 1.0).sum(axis=0) + np.log(w))

    return Works(model, ("z",), log_likelihood, (POINT,))


def two_observed_variables():
    """Two observed variables that depend on the same classes."""

    counts = np.array([0, 1, 4, 2])

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Categorical("z", w, shape=4)
            pm.Normal("x", mu[z], 1.0, observed=X)
            pm.Poisson("y", pt.exp(mu[z] / 2), observed=counts)
        return built

    def log_likelihood(w, mu):
        each = stats.norm.logpdf(X[:, None], mu, 1.0)
        each = each + stats.poisson.logpmf(counts[:, None], np.exp(mu / 2))
        return logsumexp(each + np.log(w), axis=1).sum()

    return Works(model, ("z",), log_likelihood, (POINT,))


def single_observation():
    """A single observation."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Categorical("z", w, shape=1)
            pm.Normal("x", mu[z], 1.0, observed=X[:1])
        return built

    return Works(model, ("z",), lambda w, mu: _classes(X[:1], w, mu), (POINT,))


def group_without_data():
    """Effects of groups, one of which has no data."""

    group = np.array([0, 0, 2, 2])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", mu, tau, shape=3)
            pm.Normal("x", b[group], 1.0, observed=X)
        return built

    def log_likelihood(mu, tau):
        covariance = tau**2 * (group[:, None] == group) + np.eye(4)
        return stats.multivariate_normal.logpdf(X, np.full(4, mu), covariance)

    return Works(model, ("b",), log_likelihood, ({"mu": 1.0, "tau": 1.4},))


def different_scales_of_units():
    """Effects of units whose known scales differ by ten orders of magnitude."""

    errors = np.array([1e-4, 1.0, 1e3, 1e6])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", mu, tau, shape=4)
            pm.Normal("x", b, errors, observed=X)
        return built

    def log_likelihood(mu, tau):
        return stats.norm.logpdf(X, mu, np.hypot(errors, tau)).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 1.0, "tau": 1.4},))


def three_axes():
    """Effects of groups, data with three axes."""

    cube = np.arange(12.0).reshape(2, 3, 2) / 5

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5, shape=2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", 0, tau, shape=(2, 1, 1))
            pm.Normal("x", mu + b, 1.0, observed=cube)
        return built

    def log_likelihood(mu, tau):
        covariance = tau**2 * np.ones((6, 6)) + np.eye(6)
        rows = (cube - mu).reshape(2, 6)
        return stats.multivariate_normal.logpdf(rows, np.zeros(6), covariance).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": np.array([1.0, 0.5]), "tau": 1.4},))


def boolean_and_integer_data():
    """Boolean data, integer latents in arithmetic."""

    seen = np.array([True, False, True, True])

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            p = pm.Beta("p", 1, 1, shape=2)
            z = pm.Bernoulli("z", w, shape=4)
            pm.Bernoulli("y", p[0] * (1 - z) + p[1] * z, observed=seen)
        return built

    def log_likelihood(w, p):
        return stats.bernoulli.logpmf(seen, (1 - w) * p[0] + w * p[1]).sum()

    return Works(model, ("z",), log_likelihood, ({"w": 0.4, "p": np.array([0.2, 0.9])},))

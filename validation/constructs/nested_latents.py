"""Latents that depend on other latents, or share a unit with them."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from scipy.special import logsumexp

from constructs import Refused, Works
from constructs._numerics import binomial_logit, log_normal_integral

COUNTS = np.array([5, 1, 5, 14, 3])
Y = np.array([[0.3, -1.2, 0.8], [2.4, 1.1, -3.0], [0.1, 0.2, -0.4]])
TRIALS = np.array([10, 8, 12, 9])
SUCCESSES = np.array([3, 7, 6, 0])


def nested_classes():
    """A class for each group, and a class for each unit that depends on it."""

    group = np.array([0, 0, 1, 1])
    x = np.array([-1.3, 0.2, 2.9, 3.4])

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            inner = pm.Dirichlet("inner", np.ones(2), shape=(2, 2))
            u = pm.Categorical("u", w, shape=2)
            z = pm.Categorical("z", inner[u[group]], shape=4)
            pm.Normal("x", pt.as_tensor([-1.0, 2.0])[z], 1.0, observed=x)
        return built

    def log_likelihood(w, inner):
        each = np.exp(stats.norm.logpdf(x[:, None], [-1.0, 2.0], 1.0)) @ inner.T
        sums = np.stack([np.log(each[group == g]).sum(axis=0) for g in range(2)])
        return logsumexp(sums + np.log(w), axis=1).sum()

    point = {"w": np.array([0.3, 0.7]), "inner": np.array([[0.8, 0.2], [0.4, 0.6]])}
    return Works(model, ("u", "z"), log_likelihood, (point,))


def topics():
    """Topic model: the topics of a document's words, and the document's mixture of topics."""

    words = np.array([[0, 1, 1], [2, 0, 2]])

    def model():
        with pm.Model() as built:
            alpha = pm.Gamma("alpha", 2, 1)
            phi = pm.Dirichlet("phi", np.ones(3), shape=(2, 3))
            theta = pm.Dirichlet("theta", alpha * np.ones(2), shape=(2, 2))
            z = pm.Categorical("z", theta[:, None, :], shape=(2, 3))
            pm.Categorical("words", phi[z], observed=words)
        return built

    return Refused(model, ("theta", "z"), r"\btheta\b", sampled=True)


def mixture_of_t_by_scales():
    """Mixture of t distributions: a class and a gamma precision of the same unit."""

    y = Y.ravel()

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Categorical("z", w, shape=9)
            u = pm.Gamma("u", 2, 2, shape=9)
            pm.Normal("y", mu[z], tau=u, observed=y)
        return built

    def log_likelihood(w, mu):
        return np.log(stats.t.pdf(y[:, None], 4, mu, 1.0) @ w).sum()

    point = {"w": np.array([0.4, 0.6]), "mu": np.array([-2.0, 1.0])}
    return Works(model, ("z", "u"), log_likelihood, (point,))


def groups_that_are_mixtures():
    """Groups whose means are mixtures of normal distributions, z → b → y."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            tau = pm.HalfNormal("tau", 2)
            z = pm.Categorical("z", w, shape=3)
            b = pm.Normal("b", mu[z], tau, shape=3)
            pm.Normal("y", b[:, None], 0.8, observed=Y)
        return built

    def log_likelihood(w, mu, tau):
        covariance = tau**2 * np.ones((3, 3)) + 0.64 * np.eye(3)
        each = [stats.multivariate_normal.pdf(Y, np.full(3, m), covariance) for m in mu]
        return np.log(w @ np.array(each)).sum()

    point = {"w": np.array([0.4, 0.6]), "mu": np.array([-1.0, 1.0]), "tau": 0.7}
    return Works(model, ("z", "b"), log_likelihood, (point,))


def mixture_of_gamma_poisson():
    """Rates from a mixture of gamma distributions, z → lam → y."""

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            beta = pm.LogNormal("beta", 0, 1, shape=2)
            z = pm.Bernoulli("z", w, shape=5)
            lam = pm.Gamma("lam", 2.0, beta[z], shape=5)
            pm.Poisson("y", lam, observed=COUNTS)
        return built

    def log_likelihood(w, beta):
        each = stats.nbinom.pmf(COUNTS[:, None], 2.0, beta / (beta + 1))
        return np.log(each @ np.array([1 - w, w])).sum()

    return Works(model, ("z", "lam"), log_likelihood, ({"w": 0.3, "beta": np.array([0.5, 3.0])},))


def classes_beside_effects():
    """A class and a normal effect on the logit of the same unit."""

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            mu = pm.Normal("mu", 0, 2, shape=2)
            z = pm.Bernoulli("z", w, shape=4)
            b = pm.Normal("b", 0, 0.8, shape=4)
            pm.Binomial("y", n=TRIALS, logit_p=mu[z] + b, observed=SUCCESSES)
        return built

    def log_likelihood(w, mu):
        y, n = SUCCESSES[:, None], TRIALS[:, None]
        each = [log_normal_integral(lambda b, m=m: binomial_logit(y, n, m + b), 0.8) for m in mu]
        return np.logaddexp(np.log(1 - w) + each[0], np.log(w) + each[1]).sum()

    return Works(model, ("z", "b"), log_likelihood, ({"w": 0.4, "mu": np.array([-1.0, 1.0])},))

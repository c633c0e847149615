"""Deterministics, Potentials and distributions of the user's own."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats

from constructs import Refused, Works

X = np.array([-1.3, 0.2, 2.9, 3.4])
COUNTS = np.array([0, 3, 1, 5])
POINT = {"w": 0.4, "mu": np.array([-1.0, 2.5])}


def _two_classes(w, mu):
    return np.log(stats.norm.pdf(X[:, None], mu, 1.0) @ np.array([1 - w, w])).sum()


def deterministic_of_parameters():
    """Deterministics of parameters alone."""

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            mu = pm.Normal("mu", 0, 5, shape=2)
            difference = pm.Deterministic("difference", mu[1] - mu[0])
            z = pm.Bernoulli("z", w, shape=4)
            pm.Normal("x", mu[0] + z * difference, 1.0, observed=X)
        return built

    return Works(model, ("z",), _two_classes, (POINT,))


def deterministic_reported_only():
    """A Deterministic of the latents on which no data depend."""

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Bernoulli("z", w, shape=4)
            pm.Deterministic("members", z.sum())
            pm.Normal("x", mu[z], 1.0, observed=X)
        return built

    return Works(model, ("z",), _two_classes, (POINT,))


def deterministic_of_classes():
    """A Deterministic `mu[z]` between Bernoulli latents and data."""

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Bernoulli("z", w, shape=4)
            mean = pm.Deterministic("mean", mu[z])
            pm.Normal("x", mean, 1.0, observed=X)
        return built

    return Works(model, ("z",), _two_classes, (POINT,))


def deterministic_of_a_deterministic():
    """Two Deterministics in a row between latent and data."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 2)
            eta = pm.Normal("eta", 0, 1, shape=4)
            effect = pm.Deterministic("effect", tau * eta)
            mean = pm.Deterministic("mean", mu + effect)
            pm.Normal("x", mean, 1.0, observed=X)
        return built

    def log_likelihood(mu, tau):
        return stats.norm.logpdf(X, mu, np.hypot(1, tau)).sum()

    return Works(model, ("eta",), log_likelihood, ({"mu": 1.0, "tau": 1.4},))


def deterministic_and_poisson_data():
    """A Deterministic rate between gamma latents and Poisson data."""

    def model():
        with pm.Model() as built:
            alpha = pm.LogNormal("alpha", 0, 1)
            mu = pm.LogNormal("mu", 0, 1)
            e = pm.Gamma("e", alpha, alpha, shape=4)
            rate = pm.Deterministic("rate", mu * e)
            pm.Poisson("y", rate, observed=COUNTS)
        return built

    def log_likelihood(alpha, mu):
        return stats.nbinom.logpmf(COUNTS, alpha, alpha / (alpha + mu)).sum()

    return Works(model, ("e",), log_likelihood, ({"alpha": 1.3, "mu": 2.0},))


def potential_of_data_alone():
    """A Potential that depends on data alone, which is no part of the log-likelihood."""

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Bernoulli("z", w, shape=4)
            pm.Normal("x", mu[z], 1.0, observed=X)
            pm.Potential("jacobian", pt.sum(pt.as_tensor(-0.5 * X)))
        return built

    return Works(model, ("z",), _two_classes, (POINT,))


def potential_of_parameters():
    """A Potential that depends on parameters, a prior or a likelihood."""

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            mu = pm.Normal("mu", 0, 5, shape=2)
            pm.Potential("order", pm.math.switch(mu[1] > mu[0], 0.0, -100.0))
            z = pm.Bernoulli("z", w, shape=4)
            pm.Normal("x", mu[z], 1.0, observed=X)
        return built

    return Refused(model, ("z",), r"Potential.*order")


def potential_of_latents():
    """A Potential that depends on latents."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            b = pm.Normal("b", 0, 1, shape=4)
            pm.Potential("centred", -0.5 * (b.sum() / 0.001) ** 2)
            pm.Normal("x", mu + b, 1.0, observed=X)
        return built

    return Refused(model, ("b",), r"Potential.*centred")


def custom_density_of_data():
    """`CustomDist(logp=)` of the data, a class as its parameter."""

    def model():
        def logp(value, mean):
            return -0.5 * (value - mean) ** 2 - 0.5 * np.log(2 * np.pi)

        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Bernoulli("z", w, shape=4)
            pm.CustomDist("x", mu[z], logp=logp, observed=X)
        return built

    return Works(model, ("z",), _two_classes, (POINT,))


def custom_density_with_normal_latent():
    """`CustomDist(logp=)` of the data, a normal latent as its parameter."""

    def model():
        def logp(value, mean):
            return -0.5 * (value - mean) ** 2 - 0.5 * np.log(2 * np.pi)

        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", mu, tau, shape=4)
            pm.CustomDist("x", b, logp=logp, observed=X)
        return built

    def log_likelihood(mu, tau):
        return stats.norm.logpdf(X, mu, np.hypot(1, tau)).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 1.0, "tau": 1.4},))


def custom_distribution_by_random_variables():
    """`CustomDist(dist=)` of the data, a shifted exponential."""

    times = np.array([1.3, 2.2, 1.9, 3.4])

    def model():
        def shifted(start, rate, size):
            return start + pm.Exponential.dist(rate, size=size)

        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            rate = pm.LogNormal("rate", 0, 1, shape=2)
            z = pm.Bernoulli("z", w, shape=4)
            pm.CustomDist("t", 1.0, rate[z], dist=shifted, observed=times)
        return built

    def log_likelihood(w, rate):
        density = stats.expon.pdf(times[:, None] - 1.0, scale=1 / rate)
        return np.log(density @ np.array([1 - w, w])).sum()

    return Works(model, ("z",), log_likelihood, ({"w": 0.4, "rate": np.array([0.5, 2.0])},))


def simulator():
    """`Simulator`, which has no density."""

    def model():
        def draw(rng, mean, size):
            return rng.normal(mean, 1.0, size=size)

        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            b = pm.Normal("b", mu, 1, shape=4)
            pm.Simulator("x", draw, b, epsilon=1.0, observed=X)
        return built

    return Refused(model, ("b",), r"(?i:simulator)|\bx\b")

"""Latents without a closed form, with data that are measurements."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from scipy.special import log_ndtr

from constructs import Works
from constructs._numerics import log_integral, log_normal_integral

Y = np.array([[0.3, -1.2, 0.8], [2.4, 1.1, -3.0], [0.1, 0.2, -0.4]])


def student_t_data_with_effects():
    """Normal effects of groups whose data are Student t."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", mu, tau, shape=3)
            pm.StudentT("y", nu=4, mu=b[:, None], sigma=0.8, observed=Y)
        return built

    def log_likelihood(mu, tau):
        y = Y[:, :, None]
        return log_normal_integral(
            lambda b: stats.t.logpdf(y, 4, mu + b, 0.8).sum(axis=1), tau
        ).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 0.3, "tau": 1.1},))


def student_t_effects():
    """Student t effects of groups with normal data."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.StudentT("b", nu=5, mu=mu, sigma=tau, shape=3)
            pm.Normal("y", b[:, None], 0.8, observed=Y)
        return built

    def log_likelihood(mu, tau):
        y = Y[:, :, None]

        def log_density(b):
            return stats.norm.logpdf(y, b, 0.8).sum(axis=1) + stats.t.logpdf(b, 5, mu, tau)

        return log_integral(log_density, -14, 14).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 0.3, "tau": 1.1},))


def laplace_effects():
    """Laplace effects of groups with normal data."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Laplace("b", mu, tau, shape=3)
            pm.Normal("y", b[:, None], 0.8, observed=Y)
        return built

    def log_likelihood(mu, tau):
        # The integrals on either side of mu are those of truncated normal distributions.
        n, mean = 3, Y.mean(axis=1)
        sd = 0.8 / np.sqrt(n)
        rest = stats.norm.logpdf(Y, mean[:, None], 0.8).sum(axis=1)
        rest = rest + 0.5 * np.log(2 * np.pi) + np.log(sd) - np.log(2 * tau)
        shift = sd**2 / tau
        above = log_ndtr((mean - shift - mu) / sd) + (mu - mean) / tau + shift / (2 * tau)
        below = log_ndtr((mu - mean - shift) / sd) + (mean - mu) / tau + shift / (2 * tau)
        return (rest + np.logaddexp(above, below)).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 0.3, "tau": 1.1},))


def logistic_effects():
    """Logistic effects of groups with normal data."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Logistic("b", mu, tau, shape=3)
            pm.Normal("y", b[:, None], 0.8, observed=Y)
        return built

    def log_likelihood(mu, tau):
        y = Y[:, :, None]

        def log_density(b):
            return stats.norm.logpdf(y, b, 0.8).sum(axis=1) + stats.logistic.logpdf(b, mu, tau)

        return log_integral(log_density, -14, 14).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 0.3, "tau": 1.1},))


def weibull_with_normal_frailty():
    """Normal effects on the log scale of Weibull lifetimes."""

    times = np.array([[1.2, 0.4], [3.0, 2.2], [0.9, 1.7]])

    def model():
        with pm.Model() as built:
            shape = pm.LogNormal("shape", 0, 1)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", 0, tau, shape=3)
            pm.Weibull("t", alpha=shape, beta=pm.math.exp(b)[:, None], observed=times)
        return built

    def log_likelihood(shape, tau):
        t = times[:, :, None]
        return log_normal_integral(
            lambda b: stats.weibull_min.logpdf(t, shape, scale=np.exp(b)).sum(axis=1), tau
        ).sum()

    return Works(model, ("b",), log_likelihood, ({"shape": 1.4, "tau": 0.7},))


def beta_data_with_effects():
    """Normal effects on the logits of beta proportions, `Beta(mu=, nu=)`."""

    shares = np.array([[0.2, 0.35], [0.7, 0.6], [0.5, 0.8]])

    def model():
        with pm.Model() as built:
            tau = pm.HalfNormal("tau", 2)
            nu = pm.Gamma("nu", 2, 0.1)
            b = pm.Normal("b", 0, tau, shape=3)
            pm.Beta("y", mu=pm.math.invlogit(b)[:, None], nu=nu, observed=shares)
        return built

    def log_likelihood(tau, nu):
        y = shares[:, :, None]

        def log_density(b):
            mean = 1 / (1 + np.exp(-b))
            return stats.beta.logpdf(y, mean * nu, (1 - mean) * nu).sum(axis=1)

        # Beyond 9 standard deviations of b, 1 - mean is rounded.
        return log_integral(lambda t: log_density(tau * t) + stats.norm.logpdf(t), -9.5, 9.5).sum()

    return Works(model, ("b",), log_likelihood, ({"tau": 0.7, "nu": 9.0},))


def custom_latent_distribution():
    """A latent with `CustomDist(logp=)`, a Gumbel density of its own."""

    def model():
        def logp(value, location):
            return -(value - location) - pt.exp(-(value - location))

        with pm.Model() as built:
            location = pm.Normal("location", 0, 2)
            b = pm.CustomDist("b", location, logp=logp, shape=3)
            pm.Normal("y", b[:, None], 0.8, observed=Y)
        return built

    def log_likelihood(location):
        y = Y[:, :, None]

        def log_density(b):
            return stats.norm.logpdf(y, b, 0.8).sum(axis=1) + stats.gumbel_r.logpdf(b, location)

        return log_integral(log_density, -14, 14).sum()

    return Works(model, ("b",), log_likelihood, ({"location": 0.4},))


def laplace_by_exponential_variances():
    """Laplace distribution as a normal one with exponential variances."""

    y = Y.ravel()

    def model():
        with pm.Model() as built:
            b = pm.HalfNormal("b", 5)
            v = pm.Exponential("v", 1 / (2 * b**2), shape=9)
            pm.Normal("y", 0, pt.sqrt(v), observed=y)
        return built

    def log_likelihood(b):
        return stats.laplace.logpdf(y, 0, b).sum()

    return Works(model, ("v",), log_likelihood, ({"b": 1.1},))


def half_normal_inefficiency():
    """Stochastic frontier: normal noise and a half-normal latent."""

    y = Y.ravel()

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            sigma = pm.HalfNormal("sigma", 2)
            scale = pm.HalfNormal("scale", 2)
            u = pm.HalfNormal("u", scale, shape=9)
            pm.Normal("y", mu - u, sigma, observed=y)
        return built

    def log_likelihood(mu, sigma, scale):
        total, slope = np.hypot(sigma, scale), scale / sigma
        residual = (y - mu) / total
        density = stats.norm.logpdf(residual) + stats.norm.logcdf(-slope * residual)
        return (np.log(2 / total) + density).sum()

    return Works(model, ("u",), log_likelihood, ({"mu": 0.9, "sigma": 0.8, "scale": 1.1},))


def exponential_shift():
    """Exponentially modified normal: normal noise and an exponential latent."""

    y = Y.ravel()

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            sigma = pm.HalfNormal("sigma", 2)
            rate = pm.HalfNormal("rate", 2)
            e = pm.Exponential("e", rate, shape=9)
            pm.Normal("y", mu + e, sigma, observed=y)
        return built

    def log_likelihood(mu, sigma, rate):
        def log_density(t):  # of log e
            e = np.exp(t)
            each = stats.norm.logpdf(y[:, None], mu + e, sigma)
            return each + np.log(rate) - rate * e + t

        return log_integral(log_density, -40, 6, 20001).sum()

    return Works(model, ("e",), log_likelihood, ({"mu": -0.9, "sigma": 0.8, "rate": 1.1},))

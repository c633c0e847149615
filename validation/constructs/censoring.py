"""Censoring, rounding, thresholds and bounds."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from scipy.special import log_ndtr

from constructs import Refused, Works
from constructs._numerics import log_integral

X = np.array([-1.0, 0.5, 0.2, 1.0, -0.3, 0.8])
POSITIVE = np.array([0.0, 1.2, 0.0, 2.9, 0.4, 3.3])
LIMIT = np.array([2.0, 3.5, 1.0])
TIMES = np.array([0.7, 2.2, 1.4])


def tobit():
    """Tobit: normal latents that are known to be at most zero."""

    low, high = POSITIVE == 0, POSITIVE > 0

    def model():
        with pm.Model() as built:
            beta = pm.Normal("beta", 0, 5, shape=2)
            sigma = pm.HalfNormal("sigma", 2)
            eta = beta[0] + beta[1] * X
            pm.Normal("y", eta[high], sigma, observed=POSITIVE[high])
            z = pm.Normal("z", eta[low], sigma)
            pm.Bernoulli("zero", pm.math.switch(z <= 0, 1.0, 0.0), observed=np.ones(2, int))
        return built

    def log_likelihood(beta, sigma):
        eta = beta[0] + beta[1] * X
        seen = stats.norm.logpdf(POSITIVE[high], eta[high], sigma).sum()
        return seen + log_ndtr(-eta[low] / sigma).sum()

    point = {"beta": np.array([1.0, 0.5]), "sigma": 1.3}
    return Works(model, ("z",), log_likelihood, (point,))


def probit():
    """Probit: the sign of a normal latent is observed."""

    yes = np.array([0, 1, 0, 1, 1, 1])

    def model():
        with pm.Model() as built:
            beta = pm.Normal("beta", 0, 5, shape=2)
            z = pm.Normal("z", beta[0] + beta[1] * X, 1)
            pm.Bernoulli("y", pm.math.switch(z > 0, 1.0, 0.0), observed=yes)
        return built

    def log_likelihood(beta):
        return log_ndtr((2 * yes - 1) * (beta[0] + beta[1] * X)).sum()

    points = ({"beta": np.array([0.3, 0.5])}, {"beta": np.array([8.0, -6.0])})
    return Works(model, ("z",), log_likelihood, points)


def ordered_probit():
    """Ordered probit: a normal latent lies between two cutpoints that are parameters."""

    grade = np.array([0, 1, 2, 1, 0, 2])

    def model():
        with pm.Model() as built:
            beta = pm.Normal("beta", 0, 2)
            gap = pm.HalfNormal("gap", 2)
            cut = pt.stack([-np.inf, 0.0, gap, np.inf])
            z = pm.Normal("z", 0.5 + beta * X, 1)
            between = pm.math.and_(z > cut[grade], z <= cut[grade + 1])
            pm.Bernoulli("y", pm.math.switch(between, 1.0, 0.0), observed=np.ones(6, int))
        return built

    def log_likelihood(beta, gap):
        cut, eta = np.array([-np.inf, 0.0, gap, np.inf]), 0.5 + beta * X
        return np.log(stats.norm.cdf(cut[grade + 1] - eta) - stats.norm.cdf(cut[grade] - eta)).sum()

    return Works(model, ("z",), log_likelihood, ({"beta": 0.7, "gap": 1.1},))


def rounded_values():
    """Rounded normal values: latents within half a unit of what was recorded."""

    recorded = np.array([1.0, 3.0, 2.0, 0.0])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            sigma = pm.HalfNormal("sigma", 2)
            z = pm.Normal("z", mu, sigma, shape=4)
            within = pm.math.and_(z > recorded - 0.5, z <= recorded + 0.5)
            pm.Bernoulli("y", pm.math.switch(within, 1.0, 0.0), observed=np.ones(4, int))
        return built

    def log_likelihood(mu, sigma):
        upper = stats.norm.cdf(recorded + 0.5, mu, sigma)
        return np.log(upper - stats.norm.cdf(recorded - 0.5, mu, sigma)).sum()

    return Works(model, ("z",), log_likelihood, ({"mu": 1.3, "sigma": 0.9},))


def censored_weibull():
    """Right-censored Weibull lifetimes."""

    def model():
        with pm.Model() as built:
            shape = pm.LogNormal("shape", 0, 1)
            scale = pm.LogNormal("scale", 0, 1)
            pm.Weibull("t", shape, scale, observed=TIMES)
            z = pm.Weibull("z", shape, scale, shape=3)
            pm.Bernoulli("alive", pm.math.switch(z > LIMIT, 1.0, 0.0), observed=np.ones(3, int))
        return built

    def log_likelihood(shape, scale):
        seen = stats.weibull_min.logpdf(TIMES, shape, scale=scale).sum()
        return seen - ((LIMIT / scale) ** shape).sum()

    return Works(model, ("z",), log_likelihood, ({"shape": 1.4, "scale": 2.0},))


def censored_exponential():
    """Exponential lifetimes whose state at an inspection alone is known."""

    dead = np.array([1, 0, 1])

    def model():
        with pm.Model() as built:
            rate = pm.Gamma("rate", 1, 1)
            z = pm.Exponential("z", rate, shape=3)
            pm.Bernoulli("dead", pm.math.switch(z <= LIMIT, 1.0, 0.0), observed=dead)
        return built

    def log_likelihood(rate):
        alive = np.exp(-rate * LIMIT)
        return np.log(np.where(dead, 1 - alive, alive)).sum()

    return Works(model, ("z",), log_likelihood, ({"rate": 0.6},))


def uniform_lifetimes():
    """Uniform lifetimes on (0, θ): a support that depends on the parameter."""

    seen = np.array([1.2, 3.4, 0.7, 2.9])
    alive = np.array([1, 1, 0, 0])

    def model():
        with pm.Model() as built:
            theta = pm.Uniform("theta", 0, 50)
            pm.Uniform("y", 0, theta, observed=seen)
            life = pm.Uniform("life", 0, theta, shape=4)
            pm.Bernoulli("e", p=pt.switch(life > 3.0, 1.0, 0.0), observed=alive)
        return built

    return Refused(model, ("life",), r"\blife\b", sampled=True)


def censored_data_with_effects():
    """Normal effects of groups with `Censored` data."""

    table = np.array([[0.3, 2.0, 0.8], [2.0, 1.1, -3.0]])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", mu, tau, shape=2)
            parent = pm.Normal.dist(b[:, None], 0.8, shape=(2, 3))
            pm.Censored("y", parent, lower=None, upper=2.0, observed=table)
        return built

    def log_likelihood(mu, tau):
        y = table[:, :, None]

        def log_density(b):
            density = stats.norm.logpdf(y, b, 0.8)
            each = np.where(y < 2.0, density, stats.norm.logsf(2.0, b, 0.8))
            return each.sum(axis=1) + stats.norm.logpdf(b, mu, tau)

        return log_integral(log_density, -14, 14).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 0.3, "tau": 1.1},))


def truncated_data_with_classes():
    """Mixture whose data are truncated normal, `TruncatedNormal(mu[z])`."""

    x = np.array([0.2, 1.9, 3.4, 0.6])

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Categorical("z", w, shape=4)
            pm.TruncatedNormal("x", mu[z], 1.0, lower=0, observed=x)
        return built

    def log_likelihood(w, mu):
        each = stats.truncnorm.pdf(x[:, None], -mu, np.inf, mu, 1.0)
        return np.log(each @ w).sum()

    point = {"w": np.array([0.4, 0.6]), "mu": np.array([0.3, 2.5])}
    return Works(model, ("z",), log_likelihood, (point,))

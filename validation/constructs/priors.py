"""Priors and transforms of the parameters."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import Interval, ordered
from scipy import stats

from constructs import Works

Y = np.random.default_rng(0).normal(0, 1, (6, 4))
X = np.array([-1.3, 0.2, 2.9, 3.4, -0.4, 2.2, 5.1])


def _effects(mu, variance, sigma=1.0):
    """Log-likelihood of six groups of four with normal effects."""
    covariance = variance * np.ones((4, 4)) + sigma**2 * np.eye(4)
    return stats.multivariate_normal.logpdf(Y, np.full(4, mu), covariance).sum()


def proper_gamma_precision():
    """Precision of effects with a proper prior, `Gamma(1, 1)`."""

    def model():
        with pm.Model() as built:
            tau = pm.Gamma("tau", 1, 1)
            b = pm.Normal("b", 0, tau=tau, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    return Works(model, ("b",), lambda tau: _effects(0.0, 1 / tau), ({"tau": 2.3},))


def vague_gamma_precision():
    """Precision of effects with BUGS' vague prior, `Gamma(0.001, 0.001)`."""

    def model():
        with pm.Model() as built:
            tau = pm.Gamma("tau", 0.001, 0.001)
            b = pm.Normal("b", 0, tau=tau, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    return Works(model, ("b",), lambda tau: _effects(0.0, 1 / tau), ({"tau": 2.3},))


def vague_inverse_gamma_variance():
    """Variance of effects with a vague prior, `InverseGamma(0.001, 0.001)`."""

    def model():
        with pm.Model() as built:
            v = pm.InverseGamma("v", 0.001, 0.001)
            b = pm.Normal("b", 0, tau=1 / v, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    return Works(model, ("b",), lambda v: _effects(0.0, v), ({"v": 0.4},))


def vague_precision_with_initval():
    """A vague precision with `initval=`."""

    def model():
        with pm.Model() as built:
            tau = pm.Gamma("tau", 0.001, 0.001, initval=1.0)
            b = pm.Normal("b", 0, tau=tau, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    return Works(model, ("b",), lambda tau: _effects(0.0, 1 / tau), ({"tau": 2.3},))


def bugs_priors_throughout():
    """All priors as BUGS' examples have them: `Normal(0, 1000)`, two vague precisions."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 1000)
            tau = pm.Gamma("tau", 0.001, 0.001, shape=2)
            b = pm.Normal("b", mu, tau=tau[0], shape=6)
            pm.Normal("y", b[:, None], tau=tau[1], observed=Y)
        return built

    def log_likelihood(mu, tau):
        return _effects(mu, 1 / tau[0], tau[1] ** -0.5)

    return Works(model, ("b",), log_likelihood, ({"mu": 0.2, "tau": np.array([2.3, 0.9])},))


def wide_uniform_scale():
    """Scale of effects with `Uniform(0, 1000)`."""

    def model():
        with pm.Model() as built:
            s = pm.Uniform("s", 0, 1000)
            b = pm.Normal("b", 0, s, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    return Works(model, ("b",), lambda s: _effects(0.0, s**2), ({"s": 0.6},))


def heavy_tailed_priors():
    """`Cauchy` location, `HalfCauchy` scales."""

    def model():
        with pm.Model() as built:
            mu = pm.Cauchy("mu", 0, 10)
            s = pm.HalfCauchy("s", 25, shape=2)
            b = pm.Normal("b", mu, s[0], shape=6)
            pm.Normal("y", b[:, None], s[1], observed=Y)
        return built

    def log_likelihood(mu, s):
        return _effects(mu, s[0] ** 2, s[1])

    return Works(model, ("b",), log_likelihood, ({"mu": 0.2, "s": np.array([0.6, 1.1])},))


def hierarchical_priors():
    """A prior whose scale is a parameter with a prior of its own."""

    def model():
        with pm.Model() as built:
            width = pm.HalfNormal("width", 2)
            s = pm.HalfNormal("s", width)
            b = pm.Normal("b", 0, s, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    def log_likelihood(width, s):
        return _effects(0.0, s**2)

    return Works(model, ("b",), log_likelihood, ({"width": 1.4, "s": 0.6},))


def flat_mean_of_effects():
    """An improper prior of the mean of effects, `Flat`."""

    def model():
        with pm.Model() as built:
            mu = pm.Flat("mu")
            s = pm.HalfNormal("s", 2)
            b = pm.Normal("b", mu, s, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    def log_likelihood(mu, s):
        return _effects(mu, s**2)

    return Works(model, ("b",), log_likelihood, ({"mu": 0.2, "s": 0.6},))


def half_flat_scale_of_effects():
    """An improper prior of the scale of effects, `HalfFlat`."""

    def model():
        with pm.Model() as built:
            s = pm.HalfFlat("s")
            b = pm.Normal("b", 0, tau=1 / s**2, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    return Works(model, ("b",), lambda s: _effects(0.0, s**2), ({"s": 0.6},))


def flat_mean_of_classes():
    """Improper priors of the means of a mixture, where no structure is looked for."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Flat("mu", shape=2, initval=[-1.0, 1.0])
            z = pm.Categorical("z", w, shape=len(X))
            pm.Normal("x", mu[z], 1.0, observed=X)
        return built

    def log_likelihood(w, mu):
        return np.log(stats.norm.pdf(X[:, None], mu, 1.0) @ w).sum()

    point = {"w": np.array([0.3, 0.7]), "mu": np.array([-1.0, 2.5])}
    return Works(model, ("z",), log_likelihood, (point,))


def ordered_means_of_effects():
    """Ordered parameters with `transform=ordered` and `initval=`, normal effects."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal(
                "mu", 0, 5, shape=4, transform=ordered, initval=np.array([-1.0, 0, 1, 2])
            )
            b = pm.Normal("b", 0, 0.5, shape=6)
            pm.Normal("y", mu + b[:, None], 1.0, observed=Y)
        return built

    def log_likelihood(mu):
        covariance = 0.25 * np.ones((4, 4)) + np.eye(4)
        return stats.multivariate_normal.logpdf(Y, mu, covariance).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": np.array([-0.4, 0.1, 0.2, 0.7])},))


def interval_transform():
    """A parameter with `TruncatedNormal` prior, and one with `transform=Interval`."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5, transform=Interval(-10, 10))
            s = pm.TruncatedNormal("s", 1, 1, lower=0.1, upper=3)
            b = pm.Normal("b", mu, s, shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    def log_likelihood(mu, s):
        return _effects(mu, s**2)

    return Works(model, ("b",), log_likelihood, ({"mu": 0.2, "s": 0.6},))


def vague_beta_and_dirichlet():
    """Vague `Beta(0.01, 0.01)` and `Dirichlet(0.01)` priors of a latent class model."""

    answers = np.array([0, 2, 1, 1, 0])

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 0.01, 0.01)
            p = pm.Dirichlet("p", np.full(3, 0.01), shape=(2, 3))
            z = pm.Bernoulli("z", w, shape=5)
            pm.Categorical("y", p[z], observed=answers)
        return built

    def log_likelihood(w, p):
        return np.log(np.array([1 - w, w]) @ p[:, answers]).sum()

    point = {"w": 0.4, "p": np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])}
    return Works(model, ("z",), log_likelihood, (point,))


def vague_gamma_hyperparameters():
    """Pumps with vague priors of the hyperparameters, `Gamma(0.1, 0.001)`."""

    failures = np.array([5, 1, 5, 14, 3])
    hours = np.array([94.3, 15.7, 62.9, 126.0, 5.24])

    def model():
        with pm.Model() as built:
            alpha = pm.Exponential("alpha", 1)
            beta = pm.Gamma("beta", 0.1, 0.001)
            lam = pm.Gamma("lam", alpha, beta, shape=5)
            pm.Poisson("y", lam * hours, observed=failures)
        return built

    def log_likelihood(alpha, beta):
        return stats.nbinom.logpmf(failures, alpha, beta / (beta + hours)).sum()

    return Works(model, ("lam",), log_likelihood, ({"alpha": 0.8, "beta": 1.1},))


def covariance_with_wishart_like_prior():
    """A covariance matrix as a parameter, `LKJCholeskyCov`, of rows that share an effect."""

    rows = Y[:, :2]

    def model():
        with pm.Model() as built:
            sd = pm.HalfNormal.dist(2, shape=2)
            packed = pm.LKJCholeskyCov("packed", n=2, eta=1, sd_dist=sd, compute_corr=False)
            chol = pm.expand_packed_triangular(2, packed)
            b = pm.MvNormal("b", np.zeros(2), chol=chol, shape=(6, 2))
            pm.Normal("y", b, 0.7, observed=rows)
        return built

    def log_likelihood(packed):
        chol = np.array([[packed[0], 0.0], [packed[1], packed[2]]])
        covariance = chol @ chol.T + 0.49 * np.eye(2)
        return stats.multivariate_normal.logpdf(rows, np.zeros(2), covariance).sum()

    return Works(model, ("b",), log_likelihood, ({"packed": np.array([0.9, 0.3, 0.8])},))


def softplus_link():
    """A positive parameter through `softplus` of a normal one."""

    def model():
        with pm.Model() as built:
            raw = pm.Normal("raw", 0, 2)
            b = pm.Normal("b", 0, pt.softplus(raw), shape=6)
            pm.Normal("y", b[:, None], 1.0, observed=Y)
        return built

    return Works(
        model, ("b",), lambda raw: _effects(0.0, np.log1p(np.exp(raw)) ** 2), ({"raw": 0.3},)
    )

"""Mixtures."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import ordered
from scipy import stats
from scipy.special import logsumexp

from constructs import Works

X = np.array([-1.3, 0.2, 2.9, 3.4, -0.4, 2.2, 5.1])
THETA = {"w": np.array([0.3, 0.7]), "mu": np.array([-1.0, 2.5]), "sigma": np.array([0.5, 1.2])}


def _normal_mixture(w, mu, sigma):
    joint = stats.norm.logpdf(X[:, None], mu, sigma) + np.log(w)
    return logsumexp(joint, axis=1).sum()


def normal_mixture():
    """Mixture of normal distributions, `mu[z]`, `sigma[z]`."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 10, shape=2)
            sigma = pm.LogNormal("sigma", 0, 1, shape=2)
            z = pm.Categorical("z", w, shape=len(X))
            pm.Normal("x", mu[z], sigma[z], observed=X)
        return built

    equal = {"w": np.full(2, 0.5), "mu": np.zeros(2), "sigma": np.ones(2)}
    return Works(model, ("z",), _normal_mixture, (THETA, equal))


def ordered_means_with_initval():
    """Mixture with ordered means, `transform=ordered` and `initval=`."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 10, shape=2, transform=ordered, initval=[-1.0, 1.0])
            sigma = pm.LogNormal("sigma", 0, 1, shape=2)
            z = pm.Categorical("z", w, shape=len(X))
            pm.Normal("x", mu[z], sigma[z], observed=X)
        return built

    return Works(model, ("z",), _normal_mixture, (THETA,))


def weights_by_stack():
    """Mixture with weights `stack([theta, 1 - theta])`."""

    def model():
        with pm.Model() as built:
            theta = pm.Beta("theta", 2, 2)
            mu = pm.Normal("mu", 0, 10, shape=2)
            z = pm.Categorical("z", pm.math.stack([theta, 1 - theta]), shape=len(X))
            pm.Normal("x", mu[z], 1.0, observed=X)
        return built

    def log_likelihood(theta, mu):
        return _normal_mixture(np.array([theta, 1 - theta]), mu, 1.0)

    return Works(model, ("z",), log_likelihood, ({"theta": 0.3, "mu": THETA["mu"]},))


def weights_by_softmax():
    """Mixture with weights by `softmax` of normal logits."""

    def model():
        with pm.Model() as built:
            logit = pm.Normal("logit", 0, 2, shape=2)
            mu = pm.Normal("mu", 0, 10, shape=3)
            w = pm.math.softmax(pt.concatenate([pt.zeros(1), logit]))
            z = pm.Categorical("z", w, shape=len(X))
            pm.Normal("x", mu[z], 1.5, observed=X)
        return built

    def log_likelihood(logit, mu):
        odds = np.exp(np.r_[0.0, logit])
        return _normal_mixture(odds / odds.sum(), mu, 1.5)

    point = {"logit": np.array([0.4, -1.0]), "mu": np.array([-1.0, 2.5, 5.0])}
    return Works(model, ("z",), log_likelihood, (point,))


def categories_by_logits():
    """Mixture whose class depends on a covariate, `Categorical(logit_p=...)`."""

    covariate = np.linspace(-1, 1, len(X))

    def model():
        with pm.Model() as built:
            slope = pm.Normal("slope", 0, 2)
            mu = pm.Normal("mu", 0, 10, shape=2)
            logits = pt.stack([pt.zeros(len(X)), slope * covariate], axis=-1)
            z = pm.Categorical("z", logit_p=logits)
            pm.Normal("x", mu[z], 1.0, observed=X)
        return built

    def log_likelihood(slope, mu):
        second = 1 / (1 + np.exp(-slope * covariate))
        return _normal_mixture(np.stack([1 - second, second], axis=-1), mu, 1.0)

    return Works(model, ("z",), log_likelihood, ({"slope": 1.3, "mu": THETA["mu"]},))


def contaminated_normal():
    """Outliers: a Bernoulli latent in `switch`."""

    def model():
        with pm.Model() as built:
            share = pm.Beta("share", 1, 9)
            mu = pm.Normal("mu", 0, 10)
            outlier = pm.Bernoulli("outlier", share, shape=len(X))
            pm.Normal("x", mu, pm.math.switch(outlier, 5.0, 1.0), observed=X)
        return built

    def log_likelihood(share, mu):
        return _normal_mixture(np.array([1 - share, share]), mu, np.array([1.0, 5.0]))

    return Works(model, ("outlier",), log_likelihood, ({"share": 0.2, "mu": 1.0},))


def multivariate_normal_mixture():
    """Mixture of multivariate normal distributions, `mu[z]`, common covariance."""

    rows = np.array([[0.1, 1.0], [2.0, -0.5], [1.5, 0.3], [-1.0, 0.8]])
    correlation = np.array([[1.0, 0.3], [0.3, 1.0]])

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 10, shape=(2, 2))
            sigma = pm.HalfNormal("sigma", 2)
            z = pm.Categorical("z", w, shape=len(rows))
            pm.MvNormal("x", mu[z], cov=sigma**2 * correlation, observed=rows)
        return built

    def log_likelihood(w, mu, sigma):
        joint = [stats.multivariate_normal.logpdf(rows, m, sigma**2 * correlation) for m in mu]
        return logsumexp(np.transpose(joint) + np.log(w), axis=1).sum()

    point = {"w": THETA["w"], "mu": np.array([[0.0, 1.0], [1.5, 0.0]]), "sigma": 0.9}
    return Works(model, ("z",), log_likelihood, (point,))


def mixture_of_regressions():
    """Mixture of regressions, `alpha[z] + beta[z] * x`."""

    covariate = np.linspace(-1, 1, len(X))

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            alpha = pm.Normal("alpha", 0, 5, shape=2)
            beta = pm.Normal("beta", 0, 5, shape=2)
            z = pm.Categorical("z", w, shape=len(X))
            pm.Normal("x", alpha[z] + beta[z] * covariate, 0.8, observed=X)
        return built

    def log_likelihood(w, alpha, beta):
        return _normal_mixture(w, alpha + beta * covariate[:, None], 0.8)

    point = {"w": THETA["w"], "alpha": np.array([0.5, 2.0]), "beta": np.array([-1.0, 2.0])}
    return Works(model, ("z",), log_likelihood, (point,))


def binomial_mixture():
    """Two coins: a mixture of binomial distributions."""

    heads = np.array([5, 9, 8, 4, 7])

    def model():
        with pm.Model() as built:
            p = pm.Beta("p", 1, 1, shape=2)
            z = pm.Bernoulli("z", 0.5, shape=len(heads))
            pm.Binomial("heads", n=10, p=p[z], observed=heads)
        return built

    def log_likelihood(p):
        return np.log(stats.binom.pmf(heads[:, None], 10, p).mean(axis=1)).sum()

    return Works(model, ("z",), log_likelihood, ({"p": np.array([0.45, 0.8])},))


def classes_of_groups():
    """A class for each group, with several observations in each, `mu[z[group]]`."""

    group = np.array([0, 0, 1, 1, 1, 2, 2])

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 10, shape=2)
            z = pm.Categorical("z", w, shape=3)
            pm.Normal("x", mu[z[group]], 1.5, observed=X)
        return built

    def log_likelihood(w, mu):
        each = stats.norm.logpdf(X[:, None], mu, 1.5)
        sums = np.stack([each[group == g].sum(axis=0) for g in range(3)])
        return logsumexp(sums + np.log(w), axis=1).sum()

    return Works(model, ("z",), log_likelihood, ({"w": THETA["w"], "mu": THETA["mu"]},))


def normal_mixture_with_missing_value():
    """A likelihood that is a mixture itself, `pm.NormalMixture`, with a missing value."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 10, shape=2)
            observed = np.ma.masked_invalid(np.r_[X, np.nan])
            pm.NormalMixture("x", w, mu, 1.0, observed=observed)
        return built

    def log_likelihood(w, mu):
        return _normal_mixture(w, mu, 1.0)

    point = {"w": THETA["w"], "mu": THETA["mu"]}
    return Works(model, ("x_unobserved",), log_likelihood, (point,))

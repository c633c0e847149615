"""Mixtures and classes."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import ordered
from scipy import stats
from scipy.special import logsumexp

from constructs import Works
from constructs._numerics import log_sum_over_values

X = np.array([-1.3, 0.2, 2.9, 3.4, -0.4, 2.2, 5.1])
COUNTS = np.array([0, 3, 1, 0, 7, 2, 0, 4])
ANSWERS = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1], [0, 1, 0, 0], [1, 0, 0, 0]])
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


def latent_classes():
    """Latent class analysis, a matrix of answers, `p[z]`."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            p = pm.Beta("p", 1, 1, shape=(2, 4))
            z = pm.Categorical("z", w, shape=len(ANSWERS))
            pm.Bernoulli("y", p[z], observed=ANSWERS)
        return built

    def log_likelihood(w, p):
        each = stats.bernoulli.logpmf(ANSWERS[:, None, :], p).sum(axis=-1)
        return logsumexp(each + np.log(w), axis=1).sum()

    p = np.array([[0.2, 0.3, 0.1, 0.6], [0.9, 0.8, 0.4, 0.7]])
    return Works(model, ("z",), log_likelihood, ({"w": THETA["w"], "p": p},))


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


def nested_classes():
    """A class for each group, and a class for each unit that depends on it."""

    group = np.array([0, 0, 1, 1])
    x = X[:4]

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

    point = {"w": THETA["w"], "inner": np.array([[0.8, 0.2], [0.4, 0.6]])}
    return Works(model, ("u", "z"), log_likelihood, (point,))


def noisy_or():
    """Two hidden causes of one observation, noisy-or."""

    seen = np.array([1, 0, 1, 1])

    def model():
        with pm.Model() as built:
            prior = pm.Beta("prior", 1, 1, shape=2)
            works = pm.Beta("works", 1, 1, shape=2)
            a = pm.Bernoulli("a", prior[0], shape=4)
            b = pm.Bernoulli("b", prior[1], shape=4)
            silent = 0.9 * (1 - works[0]) ** a * (1 - works[1]) ** b
            pm.Bernoulli("seen", 1 - silent, observed=seen)
        return built

    def log_likelihood(prior, works):
        silent = 0.9 * np.prod(1 - prior * works)
        return stats.bernoulli.logpmf(seen, 1 - silent).sum()

    point = {"prior": np.array([0.3, 0.6]), "works": np.array([0.7, 0.4])}
    return Works(model, ("a", "b"), log_likelihood, (point,))


def additive_classes():
    """Classes of rows and classes of columns of a table, crossed."""

    table = np.array([[0.3, 1.9, 2.2], [1.4, 3.0, 2.8]])

    def model():
        with pm.Model() as built:
            share = pm.Beta("share", 1, 1)
            effect = pm.Normal("effect", 0, 2, shape=2)
            row = pm.Bernoulli("row", share, shape=2)
            column = pm.Bernoulli("column", 0.5, shape=3)
            mean = effect[0] * row[:, None] + effect[1] * column
            pm.Normal("x", mean, 1.0, observed=table)
        return built

    def log_likelihood(share, effect):
        def log_joint(z):
            row, column = np.array(z[:2]), np.array(z[2:])
            mean = effect[0] * row[:, None] + effect[1] * column
            prior = stats.bernoulli.logpmf(row, share).sum() + 3 * np.log(0.5)
            return prior + stats.norm.logpdf(table, mean, 1.0).sum()

        return log_sum_over_values(log_joint, [(0, 1)] * 5)

    point = {"share": 0.3, "effect": np.array([1.0, 2.0])}
    return Works(model, ("row", "column"), log_likelihood, (point,))


def annotators():
    """Annotators with confusion matrices, `pi[annotator, z]`."""

    ratings = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 0, 0]])

    def model():
        with pm.Model() as built:
            p = pm.Dirichlet("p", np.ones(2))
            pi = pm.Dirichlet("pi", np.ones(2), shape=(3, 2, 2))
            z = pm.Categorical("z", p, shape=4)
            pm.Categorical("ratings", pi[np.arange(3), z[:, None]], observed=ratings)
        return built

    def log_likelihood(p, pi):
        each = np.log(pi[np.arange(3), :, ratings]).sum(axis=1)
        return logsumexp(each + np.log(p), axis=1).sum()

    pi = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]], [[0.6, 0.4], [0.1, 0.9]]])
    return Works(model, ("z",), log_likelihood, ({"p": THETA["w"], "pi": pi},))


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

    def log_likelihood(alpha, phi):
        def log_joint(z, document):
            counts = np.bincount(z, minlength=2)
            integral = stats.dirichlet_multinomial.logpmf(counts, np.full(2, alpha), 3)
            # Of one sequence of topics, not of the counts.
            integral -= np.log([1, 1, 2, 6])[3] - np.log([1, 1, 2, 6])[counts].sum()
            return integral + np.log(phi[list(z), document]).sum()

        return sum(
            log_sum_over_values(lambda z, d=document: log_joint(z, d), [(0, 1)] * 3)
            for document in words
        )

    point = {"alpha": 0.8, "phi": np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])}
    return Works(model, ("theta", "z"), log_likelihood, (point,))

"""Probabilities of exactly zero."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from scipy.special import logsumexp

from constructs import Works
from constructs._numerics import forward

COUNTS = np.array([0, 3, 1, 0, 7, 2, 0, 4])
DETECTIONS = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 1]])


def zero_inflated_poisson_by_product():
    """Zero-inflated Poisson as `Poisson(lam * z)`."""

    def model():
        with pm.Model() as built:
            psi = pm.Beta("psi", 1, 1)
            lam = pm.Gamma("lam", 1, 0.1)
            z = pm.Bernoulli("z", psi, shape=len(COUNTS))
            pm.Poisson("y", lam * z, observed=COUNTS)
        return built

    def log_likelihood(psi, lam):
        return np.log((1 - psi) * (COUNTS == 0) + psi * stats.poisson.pmf(COUNTS, lam)).sum()

    return Works(model, ("z",), log_likelihood, ({"psi": 0.6, "lam": 2.5},))


def zero_inflated_binomial_by_switch():
    """Zero-inflated binomial as `Binomial(p=switch(z, p, 0))`."""

    def model():
        with pm.Model() as built:
            psi = pm.Beta("psi", 1, 1)
            p = pm.Beta("p", 1, 1)
            z = pm.Bernoulli("z", psi, shape=len(COUNTS))
            pm.Binomial("y", n=8, p=pm.math.switch(z, p, 0.0), observed=COUNTS)
        return built

    def log_likelihood(psi, p):
        return np.log((1 - psi) * (COUNTS == 0) + psi * stats.binom.pmf(COUNTS, 8, p)).sum()

    return Works(model, ("z",), log_likelihood, ({"psi": 0.6, "p": 0.35},))


def zero_poisson_poisson():
    """Mixture of a zero and two Poisson distributions, `Poisson(rates[z])`."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(3))
            lam = pm.Gamma("lam", 2, 0.5, shape=2)
            z = pm.Categorical("z", w, shape=len(COUNTS))
            rates = pt.concatenate([pt.zeros(1), lam])
            pm.Poisson("y", rates[z], observed=COUNTS)
        return built

    def log_likelihood(w, lam):
        each = np.stack([COUNTS == 0, *(stats.poisson.pmf(COUNTS, rate) for rate in lam)], axis=1)
        return np.log(each @ w).sum()

    point = {"w": np.array([0.2, 0.5, 0.3]), "lam": np.array([1.5, 5.0])}
    return Works(model, ("z",), log_likelihood, (point,))


def occupancy():
    """Occupancy of sites with repeated visits, `Bernoulli(p=z * p)`."""

    def model():
        with pm.Model() as built:
            psi = pm.Beta("psi", 1, 1)
            p = pm.Beta("p", 1, 1)
            z = pm.Bernoulli("z", psi, shape=len(DETECTIONS))
            pm.Bernoulli("y", z[:, None] * p, observed=DETECTIONS)
        return built

    def log_likelihood(psi, p):
        each = stats.bernoulli.pmf(DETECTIONS, p).prod(axis=1)
        return np.log(psi * each + (1 - psi) * (DETECTIONS.sum(axis=1) == 0)).sum()

    return Works(model, ("z",), log_likelihood, ({"psi": 0.7, "p": 0.4},))


def occupancy_with_covariates():
    """Occupancy with a covariate of the site and one of the visit, logits."""

    altitude = np.array([-1.0, 0.0, 0.5, 1.0, -0.5])
    effort = np.array([[0.1, 0.5, -0.2], [0.0, 0.3, 1.0], [1, 2, 0.5], [-1, 0, 1], [0, 0, 1.0]])

    def model():
        with pm.Model() as built:
            a = pm.Normal("a", 0, 2, shape=2)
            b = pm.Normal("b", 0, 2, shape=2)
            z = pm.Bernoulli("z", logit_p=a[0] + a[1] * altitude)
            p = pm.math.invlogit(b[0] + b[1] * effort)
            pm.Bernoulli("y", p * z[:, None], observed=DETECTIONS)
        return built

    def log_likelihood(a, b):
        psi = 1 / (1 + np.exp(-a[0] - a[1] * altitude))
        p = 1 / (1 + np.exp(-b[0] - b[1] * effort))
        each = stats.bernoulli.pmf(DETECTIONS, p).prod(axis=1)
        return np.log(psi * each + (1 - psi) * (DETECTIONS.sum(axis=1) == 0)).sum()

    point = {"a": np.array([0.2, -0.7]), "b": np.array([-0.3, 0.6])}
    return Works(model, ("z",), log_likelihood, (point,))


def category_with_probability_zero():
    """A class in which one answer is impossible, a constant matrix with a zero."""

    answers = np.array([0, 2, 1, 1, 0])
    emission = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]])

    def model():
        with pm.Model() as built:
            w = pm.Beta("w", 1, 1)
            z = pm.Bernoulli("z", w, shape=5)
            pm.Categorical("y", pt.as_tensor(emission)[z], observed=answers)
        return built

    def log_likelihood(w):
        return np.log(np.array([1 - w, w]) @ emission[:, answers]).sum()

    return Works(model, ("z",), log_likelihood, ({"w": 0.4},))


def weight_of_exactly_zero():
    """A class whose prior probability is a constant zero."""

    x = np.array([0.1, 2.0, 1.4])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5, shape=3)
            z = pm.Categorical("z", np.array([0.4, 0.6, 0.0]), shape=3)
            pm.Normal("x", mu[z], 1.0, observed=x)
        return built

    def log_likelihood(mu):
        each = stats.norm.logpdf(x[:, None], mu[:2], 1.0) + np.log([0.4, 0.6])
        return logsumexp(each, axis=1).sum()

    return Works(model, ("z",), log_likelihood, ({"mu": np.array([0.0, 1.5, -3.0])},))


def knowledge_tracing():
    """Knowledge tracing: a chain with an absorbing state."""

    from pymc_extras.distributions import DiscreteMarkovChain

    right = np.array([0, 0, 1, 0, 1, 1, 1])

    def model():
        with pm.Model() as built:
            learn = pm.Beta("learn", 1, 1)
            guess = pm.Beta("guess", 1, 1)
            slip = pm.Beta("slip", 1, 1)
            moves = pt.stack([pt.stack([1 - learn, learn]), pt.as_tensor([0.0, 1.0])])
            start = pm.Categorical.dist(np.array([1.0, 0.0]))
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, shape=len(right))
            pm.Bernoulli("right", pt.stack([guess, 1 - slip])[z], observed=right)
        return built

    def log_likelihood(learn, guess, slip):
        p = np.array([guess, 1 - slip])
        moves = np.array([[1 - learn, learn], [0.0, 1.0]])
        emission = stats.bernoulli.logpmf(right[:, None], p)
        return forward(np.array([1.0, 0.0]), moves, emission)

    return Works(model, ("z",), log_likelihood, ({"learn": 0.3, "guess": 0.2, "slip": 0.1},))


def click_model():
    """Clicks on a page of results: whether a result is examined, and whether it attracts."""

    clicks = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])

    def model():
        with pm.Model() as built:
            examine = pm.Beta("examine", 1, 1, shape=3)
            attract = pm.Beta("attract", 1, 1)
            e = pm.Bernoulli("e", examine, shape=(4, 3))
            a = pm.Bernoulli("a", attract, shape=(4, 3))
            pm.Bernoulli("clicks", e * a, observed=clicks)
        return built

    def log_likelihood(examine, attract):
        return stats.bernoulli.logpmf(clicks, examine * attract).sum()

    point = {"examine": np.array([0.9, 0.6, 0.3]), "attract": 0.5}
    return Works(model, ("e", "a"), log_likelihood, (point,))

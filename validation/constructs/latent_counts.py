"""Counts as latents."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from scipy.special import log_expit, logsumexp

from constructs import Works
from constructs._numerics import log_integral

VISITS = np.array([[2, 3, 1], [0, 0, 1], [4, 2, 3]])
CAPTURES = np.array([3, 1, 2, 1, 0, 0, 0, 0])
BOUND = 400


def n_mixture_poisson():
    """N-mixture: a Poisson abundance of each site, binomial counts."""

    def model():
        with pm.Model() as built:
            lam = pm.Gamma("lam", 2, 0.2)
            p = pm.Beta("p", 1, 1)
            n = pm.Poisson("N", lam, shape=3)
            pm.Binomial("y", n=n[:, None], p=p, observed=VISITS)
        return built

    def log_likelihood(lam, p):
        n = np.arange(BOUND)
        each = stats.binom.logpmf(VISITS[:, :, None], n, p).sum(axis=1)
        return logsumexp(each + stats.poisson.logpmf(n, lam), axis=1).sum()

    return Works(model, ("N",), log_likelihood, ({"lam": 5.0, "p": 0.4}, {"lam": 40.0, "p": 0.05}))


def n_mixture_negative_binomial():
    """N-mixture with a negative binomial abundance."""

    def model():
        with pm.Model() as built:
            mu = pm.Gamma("mu", 2, 0.2)
            p = pm.Beta("p", 1, 1)
            n = pm.NegativeBinomial("N", mu=mu, alpha=1.5, shape=3)
            pm.Binomial("y", n=n[:, None], p=p, observed=VISITS)
        return built

    def log_likelihood(mu, p):
        n = np.arange(BOUND)
        each = stats.binom.logpmf(VISITS[:, :, None], n, p).sum(axis=1)
        prior = stats.nbinom.logpmf(n, 1.5, 1.5 / (1.5 + mu))
        return logsumexp(each + prior, axis=1).sum()

    return Works(model, ("N",), log_likelihood, ({"mu": 5.0, "p": 0.4},))


def n_mixture_bounded():
    """N-mixture with a Categorical abundance up to a bound."""

    values = np.arange(40)

    def model():
        with pm.Model() as built:
            lam = pm.Gamma("lam", 2, 0.2)
            p = pm.Beta("p", 1, 1)
            weights = pm.math.exp(pm.logp(pm.Poisson.dist(lam), values))
            n = pm.Categorical("N", weights / weights.sum(), shape=3)
            pm.Binomial("y", n=n[:, None], p=p, observed=VISITS)
        return built

    def log_likelihood(lam, p):
        each = stats.binom.logpmf(VISITS[:, :, None], values, p).sum(axis=1)
        prior = stats.poisson.logpmf(values, lam)
        return logsumexp(each + prior - logsumexp(prior), axis=1).sum()

    return Works(model, ("N",), log_likelihood, ({"lam": 5.0, "p": 0.4},))


def compound_poisson():
    """A Poisson number of claims and their normal total."""

    totals = np.array([3.1, 0.2, 7.9])

    def model():
        with pm.Model() as built:
            lam = pm.Gamma("lam", 2, 1)
            mu = pm.Normal("mu", 0, 5)
            n = pm.Poisson("n", lam, shape=3)
            pm.Normal("total", mu * n, pt.sqrt(0.1 + n), observed=totals)
        return built

    def log_likelihood(lam, mu):
        n = np.arange(BOUND)
        each = stats.norm.logpdf(totals[:, None], mu * n, np.sqrt(0.1 + n))
        return logsumexp(each + stats.poisson.logpmf(n, lam), axis=1).sum()

    return Works(model, ("n",), log_likelihood, ({"lam": 1.8, "mu": 2.0},))


def binomial_survivors():
    """Binomial survivors of a known number, then binomial detections, nested counts."""

    detected = np.array([4, 2, 6])

    def model():
        with pm.Model() as built:
            survive = pm.Beta("survive", 1, 1)
            n = pm.Binomial("n", 12, survive, shape=3)
            pm.Binomial("y", n=n, p=0.7, observed=detected)
        return built

    def log_likelihood(survive):
        return stats.binom.logpmf(detected, 12, 0.7 * survive).sum()

    return Works(model, ("n",), log_likelihood, ({"survive": 0.6},))


def split_cell():
    """Genetic linkage: a Binomial part of a multinomial cell, a leaf of the graph."""

    counts = np.array([125, 18, 20, 34])

    def model():
        with pm.Model() as built:
            theta = pm.Uniform("theta", 0, 1)
            p = pt.stack([0.5 + theta / 4, (1 - theta) / 4, (1 - theta) / 4, theta / 4])
            pm.Multinomial("y", n=197, p=p, observed=counts)
            pm.Binomial("part", n=125, p=theta / (2 + theta))
        return built

    def log_likelihood(theta):
        p = np.array([2 + theta, 1 - theta, 1 - theta, theta]) / 4
        return stats.multinomial.logpmf(counts, 197, p)

    return Works(model, ("part",), log_likelihood, ({"theta": 0.62},))


def emission_tomography():
    """Emission tomography: Multinomial origins of Poisson counts, `shape=`."""

    weights = np.array([[0.6, 0.1], [0.2, 0.5], [0.1, 0.3]])
    counts = np.array([31, 40, 37])

    def model():
        with pm.Model() as built:
            lam = pm.Gamma("lam", 1, 0.02, shape=2)
            total = pt.dot(weights, lam)
            pm.Poisson("y", total, observed=counts)
            pm.Multinomial("c", n=counts, p=weights * lam / total[:, None], shape=(3, 2))
        return built

    def log_likelihood(lam):
        return stats.poisson.logpmf(counts, weights @ lam).sum()

    return Works(model, ("c",), log_likelihood, ({"lam": np.array([45.0, 60.0])},))


def capture_recapture_m0():
    """Capture-recapture M0 by data augmentation, `Binomial(T, z * p)`."""

    def model():
        with pm.Model() as built:
            omega = pm.Beta("omega", 1, 1)
            p = pm.Beta("p", 1, 1)
            z = pm.Bernoulli("z", omega, shape=8)
            pm.Binomial("y", n=4, p=z * p, observed=CAPTURES)
        return built

    def log_likelihood(omega, p):
        each = omega * stats.binom.pmf(CAPTURES, 4, p) + (1 - omega) * (CAPTURES == 0)
        return np.log(each).sum()

    return Works(model, ("z",), log_likelihood, ({"omega": 0.7, "p": 0.4},))


def capture_recapture_mh():
    """Capture-recapture Mh: membership and a normal effect on the logit of capture."""

    def model():
        with pm.Model() as built:
            omega = pm.Beta("omega", 1, 1)
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 1)
            z = pm.Bernoulli("z", omega, shape=8)
            b = pm.Normal("b", mu, tau, shape=8)
            pm.Binomial("y", n=4, p=z * pm.math.invlogit(b), observed=CAPTURES)
        return built

    def log_likelihood(omega, mu, tau):
        y = CAPTURES[:, None]
        coefficient = stats.binom.logpmf(y, 4, 0.5) + 4 * np.log(2)

        def log_density(t):
            eta = mu + tau * t
            each = coefficient + y * log_expit(eta) + (4 - y) * log_expit(-eta)
            return each + stats.norm.logpdf(t)

        member = np.exp(log_integral(log_density, -14, 14))
        return np.log(omega * member + (1 - omega) * (CAPTURES == 0)).sum()

    return Works(model, ("z", "b"), log_likelihood, ({"omega": 0.7, "mu": -0.4, "tau": 0.8},))


def poisson_sum_of_two():
    """A count that is the sum of two Poisson counts, the first one latent."""

    total = np.array([4, 0, 7])

    def model():
        with pm.Model() as built:
            lam = pm.Gamma("lam", 2, 1, shape=2)
            signal = pm.Poisson("signal", lam[0], shape=3)
            pm.CustomDist(
                "total",
                signal,
                lam[1],
                logp=lambda value, s, rate: pm.logp(pm.Poisson.dist(rate), value - s),
                observed=total,
            )
        return built

    def log_likelihood(lam):
        return stats.poisson.logpmf(total, lam.sum()).sum()

    return Works(model, ("signal",), log_likelihood, ({"lam": np.array([2.5, 1.5])},))

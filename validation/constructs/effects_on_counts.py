"""Normal effects on binary data and counts, without a closed form."""

import numpy as np
import pymc as pm
from scipy import stats
from scipy.special import log_expit, log_ndtr

from constructs import Works
from constructs._numerics import binomial_logit, log_integral, log_normal_integral

TRIALS = np.array([10, 8, 12, 9])
SUCCESSES = np.array([3, 7, 6, 0])
COUNTS = np.array([5, 1, 5, 14, 3, 0])
GROUP = np.array([0, 0, 1, 1, 2, 2])
ANSWERS = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 1], [1, 1, 1]])


def logit_effects():
    """Normal effects on the logits of binomial counts."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", mu, tau, shape=4)
            pm.Binomial("y", n=TRIALS, logit_p=b, observed=SUCCESSES)
        return built

    return Works(model, ("b",), _logit_effects, ({"mu": -0.2, "tau": 1.3}, {"mu": 0.1, "tau": 0.1}))


def logit_effects_noncentred():
    """Normal effects on logits, non-centred: a Deterministic `mu + tau * eta`."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            eta = pm.Normal("eta", 0, 1, shape=4)
            b = pm.Deterministic("b", mu + tau * eta)
            pm.Binomial("y", n=TRIALS, p=pm.math.invlogit(b), observed=SUCCESSES)
        return built

    return Works(model, ("eta",), _logit_effects, ({"mu": -0.2, "tau": 1.3},))


def _logit_effects(mu, tau):
    y, n = SUCCESSES[:, None], TRIALS[:, None]
    return log_normal_integral(lambda b: binomial_logit(y, n, mu + b), tau).sum()


def rasch_wide_prior():
    """Item response under wide priors, `Uniform(0, 1000)` for the slope."""

    def model():
        with pm.Model() as built:
            alpha = pm.Normal("alpha", 0, 100, shape=3)
            beta = pm.Uniform("beta", 0, 1000)
            theta = pm.Normal("theta", 0, 1, shape=6)
            pm.Bernoulli("r", logit_p=beta * theta[:, None] - alpha, observed=ANSWERS)
        return built

    return Works(model, ("theta",), _two_parameter, _ITEM_POINTS)


def rasch_tight_prior():
    """Item response under tight priors."""

    def model():
        with pm.Model() as built:
            alpha = pm.Normal("alpha", 0, 3, shape=3)
            beta = pm.HalfNormal("beta", 2)
            theta = pm.Normal("theta", 0, 1, shape=6)
            pm.Bernoulli("r", logit_p=beta * theta[:, None] - alpha, observed=ANSWERS)
        return built

    return Works(model, ("theta",), _two_parameter, _ITEM_POINTS)


_ITEM_POINTS = (
    {"alpha": np.array([-1.0, -0.5, 0.3]), "beta": 0.75},
    {"alpha": np.array([-2.0, 0.5, 1.0]), "beta": 4.0},
)


def _two_parameter(alpha, beta):
    sign = 2 * ANSWERS[:, :, None] - 1

    def log_density(theta):
        return log_expit(sign * (beta * theta - alpha[:, None])).sum(axis=1)

    return log_normal_integral(log_density, 1.0).sum()


def probit_effects():
    """Normal effects in a probit model of groups."""

    seen = np.array([1, 1, 0, 1, 0, 0])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", 0, tau, shape=3)
            pm.Bernoulli("y", pm.math.invprobit(mu + b[GROUP]), observed=seen)
        return built

    def log_likelihood(mu, tau):
        sign = (2 * seen - 1).reshape(3, 2, 1)
        return log_normal_integral(lambda b: log_ndtr(sign * (mu + b)).sum(axis=1), tau).sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 0.2, "tau": 0.9},))


def ordered_logit_with_effects():
    """Normal effects in `OrderedLogistic`, ordered cutpoints with `initval=`."""

    from pymc.distributions.transforms import ordered

    grades = np.array([[0, 1], [2, 2], [1, 0]])

    def model():
        with pm.Model() as built:
            cut = pm.Normal("cut", 0, 2, shape=2, transform=ordered, initval=[-1.0, 1.0])
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", 0, tau, shape=3)
            pm.OrderedLogistic("y", eta=b[:, None], cutpoints=cut, observed=grades)
        return built

    def log_likelihood(cut, tau):
        # With a dimension for the effects.
        upper = np.r_[cut, np.inf][grades][:, :, None]
        lower = np.r_[-np.inf, cut][grades][:, :, None]

        def log_density(b):
            each = stats.logistic.cdf(upper - b) - stats.logistic.cdf(lower - b)
            return np.log(each).sum(axis=1)

        return log_integral(
            lambda t: log_density(tau * t) + stats.norm.logpdf(t), -10.0, 10.0
        ).sum()

    return Works(model, ("b",), log_likelihood, ({"cut": np.array([-0.7, 0.6]), "tau": 0.9},))


def poisson_log_normal():
    """Normal effects on the logarithms of Poisson means."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", mu, tau, shape=3)
            pm.Poisson("y", pm.math.exp(b[GROUP]), observed=COUNTS)
        return built

    return Works(model, ("b",), _poisson_effects, ({"mu": 1.1, "tau": 0.8},))


def log_normal_rates():
    """Log-normal rates of Poisson counts, `LogNormal(mu, tau)`."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 2)
            tau = pm.HalfNormal("tau", 2)
            rate = pm.LogNormal("rate", mu, tau, shape=3)
            pm.Poisson("y", rate[GROUP], observed=COUNTS)
        return built

    return Works(model, ("rate",), _poisson_effects, ({"mu": 1.1, "tau": 0.8},))


def _poisson_effects(mu, tau):
    y = COUNTS.reshape(3, 2, 1)
    return log_normal_integral(
        lambda b: stats.poisson.logpmf(y, np.exp(mu + b)).sum(axis=1), tau
    ).sum()


def zero_inflated_with_effects():
    """Normal effects within `ZeroInflatedPoisson`."""

    def model():
        with pm.Model() as built:
            psi = pm.Beta("psi", 2, 2)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", 1, tau, shape=3)
            pm.ZeroInflatedPoisson("y", psi, pm.math.exp(b[GROUP]), observed=COUNTS)
        return built

    def log_likelihood(psi, tau):
        y = COUNTS.reshape(3, 2, 1)

        def log_density(b):
            each = psi * stats.poisson.pmf(y, np.exp(1 + b)) + (1 - psi) * (y == 0)
            with np.errstate(divide="ignore"):
                return np.log(each).sum(axis=1)

        return log_normal_integral(log_density, tau).sum()

    return Works(model, ("b",), log_likelihood, ({"psi": 0.7, "tau": 0.8},))


def negative_binomial_with_effects():
    """Normal effects in a negative binomial regression."""

    def model():
        with pm.Model() as built:
            alpha = pm.LogNormal("alpha", 0, 1)
            tau = pm.HalfNormal("tau", 2)
            b = pm.Normal("b", 1, tau, shape=3)
            pm.NegativeBinomial("y", mu=pm.math.exp(b[GROUP]), alpha=alpha, observed=COUNTS)
        return built

    def log_likelihood(alpha, tau):
        y = COUNTS.reshape(3, 2, 1)

        def log_density(b):
            mean = np.exp(1 + b)
            return stats.nbinom.logpmf(y, alpha, alpha / (alpha + mean)).sum(axis=1)

        return log_normal_integral(log_density, tau).sum()

    return Works(model, ("b",), log_likelihood, ({"alpha": 2.2, "tau": 0.8},))


def two_effects_of_one_group():
    """Two correlated effects of a group on logits, a two-dimensional integral."""

    x = np.array([-1.0, 0.0, 1.0])
    seen = np.array([[3, 5, 8], [2, 2, 3]])

    def model():
        with pm.Model() as built:
            tau = pm.HalfNormal("tau", 2, shape=2)
            b = pm.Normal("b", 0, tau, shape=(2, 2))
            eta = b[:, 0][:, None] + b[:, 1][:, None] * x
            pm.Binomial("y", n=10, logit_p=eta, observed=seen)
        return built

    def log_likelihood(tau):
        total = 0.0
        nodes = np.linspace(-10, 10, 301)
        for row in seen:

            def inner(t, row=row):
                eta = tau[0] * nodes[:, None] + tau[1] * t * x[:, None, None]
                each = binomial_logit(row[:, None, None], 10, eta).sum(axis=0)
                return each + stats.norm.logpdf(nodes)[:, None] + stats.norm.logpdf(t)

            along = log_integral(inner, -10, 10, 301)
            total += np.logaddexp.reduce(along) + np.log(nodes[1] - nodes[0])
        return total

    return Works(model, ("b",), log_likelihood, ({"tau": np.array([1.2, 0.7])},))

"""Latents with a closed form that are not normal."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from scipy.special import betaln, gammaln

from constructs import Works

COUNTS = np.array([5, 1, 5, 14, 3])
HOURS = np.array([9.4, 1.6, 6.3, 12.6, 5.2])
Y = np.array([[0.3, -1.2, 0.8], [2.4, 1.1, -3.0], [0.1, 0.2, -0.4]])
TRIALS = np.array([10, 8, 12, 9])
SUCCESSES = np.array([3, 7, 6, 0])


def gamma_poisson():
    """Gamma rates of Poisson counts."""

    def model():
        with pm.Model() as built:
            alpha = pm.LogNormal("alpha", 0, 1)
            beta = pm.LogNormal("beta", 0, 1)
            lam = pm.Gamma("lam", alpha, beta, shape=5)
            pm.Poisson("y", lam * HOURS, observed=COUNTS)
        return built

    def log_likelihood(alpha, beta):
        return stats.nbinom.logpmf(COUNTS, alpha, beta / (beta + HOURS)).sum()

    points = ({"alpha": 1.6, "beta": 1.9}, {"alpha": 0.2, "beta": 0.01})
    return Works(model, ("lam",), log_likelihood, points)


def gamma_exponential():
    """Gamma rates of exponential times."""

    def model():
        with pm.Model() as built:
            alpha = pm.LogNormal("alpha", 0, 1)
            beta = pm.LogNormal("beta", 0, 1)
            lam = pm.Gamma("lam", alpha, beta, shape=5)
            pm.Exponential("y", lam, observed=HOURS)
        return built

    def log_likelihood(alpha, beta):
        return stats.lomax.logpdf(HOURS, alpha, scale=beta).sum()

    return Works(model, ("lam",), log_likelihood, ({"alpha": 1.6, "beta": 1.9},))


def beta_binomial():
    """Beta probabilities of binomial counts."""

    def model():
        with pm.Model() as built:
            a = pm.LogNormal("a", 0, 1)
            b = pm.LogNormal("b", 0, 1)
            p = pm.Beta("p", a, b, shape=4)
            pm.Binomial("y", n=TRIALS, p=p, observed=SUCCESSES)
        return built

    def log_likelihood(a, b):
        return stats.betabinom.logpmf(SUCCESSES, TRIALS, a, b).sum()

    return Works(model, ("p",), log_likelihood, ({"a": 1.2, "b": 2.1}, {"a": 0.05, "b": 0.1}))


def beta_geometric():
    """Beta probabilities of geometric waiting times."""

    waits = np.array([1, 4, 2, 9])

    def model():
        with pm.Model() as built:
            a = pm.LogNormal("a", 0, 1)
            b = pm.LogNormal("b", 0, 1)
            p = pm.Beta("p", a, b, shape=4)
            pm.Geometric("y", p, observed=waits)
        return built

    def log_likelihood(a, b):
        return (betaln(a + 1, b + waits - 1) - betaln(a, b)).sum()

    return Works(model, ("p",), log_likelihood, ({"a": 1.2, "b": 2.1},))


def dirichlet_multinomial():
    """Dirichlet probabilities of multinomial counts."""

    table = np.array([[3, 1, 2], [0, 4, 2], [1, 1, 4]])

    def model():
        with pm.Model() as built:
            alpha = pm.LogNormal("alpha", 0, 1, shape=3)
            p = pm.Dirichlet("p", alpha, shape=(3, 3))
            pm.Multinomial("y", n=6, p=p, observed=table)
        return built

    def log_likelihood(alpha):
        return sum(stats.dirichlet_multinomial.logpmf(row, alpha, 6) for row in table)

    return Works(model, ("p",), log_likelihood, ({"alpha": np.array([1.5, 0.7, 2.0])},))


def inverse_gamma_variances():
    """Inverse gamma variances of normal groups, `sigma=sqrt(v)`."""

    def model():
        with pm.Model() as built:
            a = pm.LogNormal("a", 0, 1)
            b = pm.LogNormal("b", 0, 1)
            v = pm.InverseGamma("v", a, b, shape=3)
            pm.Normal("y", 0, pt.sqrt(v)[:, None], observed=Y)
        return built

    return Works(model, ("v",), _scale_mixture_of_groups, ({"a": 2.0, "b": 1.5},))


def gamma_precisions():
    """Gamma precisions of normal groups, `tau=`."""

    def model():
        with pm.Model() as built:
            a = pm.LogNormal("a", 0, 1)
            b = pm.LogNormal("b", 0, 1)
            tau = pm.Gamma("tau", a, b, shape=3)
            pm.Normal("y", 0, tau=tau[:, None], observed=Y)
        return built

    return Works(model, ("tau",), _scale_mixture_of_groups, ({"a": 2.0, "b": 1.5},))


def _scale_mixture_of_groups(a, b):
    shape, rate = a + 1.5, b + (Y**2).sum(axis=1) / 2
    each = a * np.log(b) - gammaln(a) + gammaln(shape) - shape * np.log(rate)
    return (each - 1.5 * np.log(2 * np.pi)).sum()


def student_t_by_scales():
    """Student's t distribution as a normal one with gamma precisions."""

    y = Y.ravel()

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            sigma = pm.HalfNormal("sigma", 5)
            nu = pm.Gamma("nu", 2, 0.1)
            u = pm.Gamma("u", nu / 2, nu / 2, shape=9)
            pm.Normal("y", mu, sigma / pt.sqrt(u), observed=y)
        return built

    def log_likelihood(mu, sigma, nu):
        return stats.t.logpdf(y, nu, mu, sigma).sum()

    return Works(model, ("u",), log_likelihood, ({"mu": 0.3, "sigma": 0.9, "nu": 3.2},))


def gamma_frailty():
    """Gamma frailties of Weibull lifetimes, `CustomDist(logp=)` of the data."""

    group = np.array([0, 0, 1, 1, 2])

    def model():
        def logp(value, frailty, shape):
            return pt.log(frailty * shape) + (shape - 1) * pt.log(value) - frailty * value**shape

        with pm.Model() as built:
            theta = pm.LogNormal("theta", 0, 1)
            shape = pm.LogNormal("shape", 0, 1)
            z = pm.Gamma("z", theta, theta, shape=3)
            pm.CustomDist("t", z[group], shape, logp=logp, observed=HOURS)
        return built

    def log_likelihood(theta, shape):
        total = 0.0
        for g in range(3):
            t = HOURS[group == g]
            a, b = theta + len(t), theta + (t**shape).sum()
            total += (np.log(shape) + (shape - 1) * np.log(t)).sum()
            total += theta * np.log(theta) - gammaln(theta) + gammaln(a) - a * np.log(b)
        return total

    return Works(model, ("z",), log_likelihood, ({"theta": 1.4, "shape": 1.2},))


def negative_binomial_regression():
    """Overdispersed regression: gamma factors of Poisson means."""

    x = np.linspace(-1, 1, 5)

    def model():
        with pm.Model() as built:
            beta = pm.Normal("beta", 0, 2, shape=2)
            alpha = pm.LogNormal("alpha", 0, 1)
            e = pm.Gamma("e", alpha, alpha, shape=5)
            pm.Poisson("y", e * pm.math.exp(beta[0] + beta[1] * x), observed=COUNTS)
        return built

    def log_likelihood(beta, alpha):
        mean = np.exp(beta[0] + beta[1] * x)
        return stats.nbinom.logpmf(COUNTS, alpha, alpha / (alpha + mean)).sum()

    return Works(model, ("e",), log_likelihood, ({"beta": np.array([1.5, 0.4]), "alpha": 2.5},))
